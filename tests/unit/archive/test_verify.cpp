/// @file
/// `verify` finds every change of an archive, and says what it is.

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/pack.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;

namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("an archive as written is whole and sealed", "[verify]") {
  const test::TempFolder folder;
  const Verdict verdict = verify_file(write_archive(folder.path(), test::sound_record()));
  CHECK(verdict.standing == Standing::whole);
  CHECK(verdict.sealed);
  CHECK(verdict.announced);
  CHECK(verdict.num_layers == 2);
  CHECK(verdict.findings.empty());
}

TEST_CASE("every single byte of an archive, flipped, is found", "[verify]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sound_record());
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  std::int64_t found = 0;
  std::int64_t named = 0;
  for (std::int64_t at = 0; at < size; at += test::kByteStep) {
    // Another bit for every byte, so that all eight are tried in every part of the file.
    const unsigned bit = 1U << static_cast<unsigned>(at % 8);
    test::flip_byte(path, at, bit);
    const Verdict verdict = verify_file(path);
    if (verdict.standing != Standing::damaged)
      FAIL("byte " << at << " of " << size << " is silent");
    ++found;
    named += verdict.findings.size() > 1 ? 1 : 0;  // the content says what, besides the seal
    test::flip_byte(path, at, bit);
  }
  CHECK(found == (size + test::kByteStep - 1) / test::kByteStep);
  CHECK(named > found / 2);
  CHECK(verify_file(path).standing == Standing::whole);
}

TEST_CASE("a packed file is whole until one of its bytes has changed", "[verify][packed]") {
  const test::TempFolder folder;
  prepare_folder(folder / "archive");
  write_archive(folder / "archive", test::sound_record());
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(folder / "archive", packed) == 1);
  const Verdict whole = verify_file(packed);
  CHECK(whole.standing == Standing::whole);
  CHECK(whole.sealed);
  CHECK(whole.num_layers == 2);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(packed));
  std::int64_t found = 0;
  for (std::int64_t at = 0; at < size; at += 29 * test::kByteStep, ++found) {
    test::flip_byte(packed, at);
    if (verify_file(packed).standing != Standing::damaged) FAIL("byte " << at << " is silent");
    test::flip_byte(packed, at);
  }
  CHECK(found > 10);
}

TEST_CASE("an archive from before seals were announced is judged by its checksums", "[verify]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sound_record());
  test::ArchiveEditor(path).make_version_2();
  CHECK(verify_file(path).standing == Standing::whole);
  CHECK_FALSE(verify_file(path).sealed);
  CHECK_FALSE(verify_file(path).announced);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK(verify_file(path).standing == Standing::damaged);
}

TEST_CASE("archives of earlier versions are not damaged for want of a seal", "[verify]") {
  for (const auto& [name, sealed] : {std::pair("archive-v1.h5", false), {"archive-v2.h5", true}}) {
    CAPTURE(name);
    const Verdict verdict = verify_file(wishart::test::data_file(name));
    CHECK(verdict.sealed == sealed);
    CHECK_FALSE(verdict.announced);
    CHECK(verdict.num_layers == 5);
  }
}

TEST_CASE("the kept archive of version 3 announces its seal and has it", "[verify]") {
  const Verdict verdict = verify_file(wishart::test::data_file("archive-v3.h5"));
  CHECK(verdict.sealed);
  CHECK(verdict.announced);
  CHECK(verdict.num_layers == 5);
}

TEST_CASE("a file that is not for this program is told apart from a damaged one", "[verify]") {
  const test::TempFolder folder;
  const std::filesystem::path text = folder.write("text.h5", std::string(300, 'x'));
  CHECK(verify_file(text).standing == Standing::foreign);
  CHECK(verify_file(text).findings.at(0).find("is not an HDF5 file") != std::string::npos);
  const std::filesystem::path newer = write_archive(folder.path(), test::sound_record());
  test::ArchiveEditor(newer).set_integer_attribute("schema_version", kSchemaVersion + 1);
  CHECK(verify_file(newer).standing == Standing::foreign);
  CHECK(verify_file(newer).findings.at(0).find("Use a newer wishart") != std::string::npos);
  CHECK(verify_file(folder / "none.h5").standing == Standing::unreadable);
}

TEST_CASE("a file under another name is named", "[verify]") {
  const test::TempFolder folder;
  std::filesystem::rename(write_archive(folder.path(), test::sound_record()), folder / "other.h5");
  const Verdict verdict = verify_file(folder / "other.h5");
  CHECK(verdict.standing == Standing::renamed);
  CHECK(verdict.findings ==
        std::vector<std::string>{"holds the checkpoint 'sample', but the file has another name. "
                                 "Rename it back, or remove it if it is a copy"});
  const test::TempFolder elsewhere;
  pack_archive(folder.path(), elsewhere / "run.h5");
  const Verdict packed = verify_file(elsewhere / "run.h5");
  CHECK(packed.standing == Standing::renamed);
  CHECK(packed.packed);
  CHECK(packed.findings ==
        std::vector<std::string>{
            "other: holds the checkpoint 'sample', but was packed under another "
            "name. Unpack the archive, rename the file back, and pack it again"});
  // Damage is the worse of the two.
  test::flip_byte(folder / "other.h5", 60);
  CHECK(verify_file(folder / "other.h5").standing == Standing::damaged);
}

TEST_CASE("what contradicts itself is named by its matrix", "[verify]") {
  struct Case {
    void (*spoil)(CheckpointRecord&);
    const char* text;
  };
  const std::vector<Case> cases{
      {[](CheckpointRecord& r) { r.spectra[1].sigma[1] = 4.1; },
       "the squared singular values add up to 25.8"},
      {[](CheckpointRecord& r) { r.layers[1].sum_squares = 26; }, "the squared elements to 26;"},
      {[](CheckpointRecord& r) {
         r.spectra[1].sigma = {4, 3};
       },
       "singular value 1 is smaller than the one before"},
      {[](CheckpointRecord& r) { r.spectra[1].sigma[0] = -3; }, "singular value 0 is -3"},
      {[](CheckpointRecord& r) { r.spectra[1].sigma[1] = kNan; }, "singular value 1 is nan"},
      {[](CheckpointRecord& r) { r.spectra[1].sigma.pop_back(); },
       "1 singular values, num_evals is 2"},
      {[](CheckpointRecord& r) { r.layers[1].layer_id = 7; }, "layer_id is 7 in row 1"},
      {[](CheckpointRecord& r) { r.layers[1].M = 9; }, "its shape is 5 x 2, N x M is 5 x 9"},
      {[](CheckpointRecord& r) { r.layers[1].alpha_low = 4; },
       "the interval of alpha is from 4 to 3"},
      {[](CheckpointRecord& r) { r.layers[1].key = r.layers[0].key; }, "occurs twice"},
      {[](CheckpointRecord& r) { r.summary[0].count = 5; }, "6 layers, the table has 2"},
      {[](CheckpointRecord& r) { r.spectra.pop_back(); }, "1 spectra for 2 layers"},
      {[](CheckpointRecord& r) { r.traps[1].layer_id = 2; }, "trap 1: no layer 2 has the key key."},
      {[](CheckpointRecord& r) { r.traps[3].key = "w"; }, "trap 3: no layer 1 has the key w"},
      {[](CheckpointRecord& r) { std::swap(r.traps[0], r.traps[1]); },
       "trap 1: is not after the one before"},
  };
  CHECK(contradictions(test::sound_record()).empty());
  for (const Case& one : cases) {
    CheckpointRecord record = test::sound_record();
    one.spoil(record);
    const std::vector<std::string> found = contradictions(record);
    CAPTURE(one.text);
    REQUIRE_FALSE(found.empty());
    CHECK(found[0].find(one.text) != std::string::npos);
  }
}

TEST_CASE("a damaged file is set aside under a name that is no archive's", "[verify]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sound_record());
  const std::string before = bytes_of(path);
  CHECK(set_aside(path) == folder / "sample.h5.damaged");
  CHECK(bytes_of(folder / "sample.h5.damaged") == before);
  CHECK(list_checkpoints(folder.path()).empty());
}

TEST_CASE("a file that is set aside replaces none that was", "[verify]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "sample.h5";
  int next = 1;
  for (const char* name : {"sample.h5.damaged", "sample.h5.damaged-2", "sample.h5.damaged-3"}) {
    folder.write("sample.h5", std::to_string(next++));
    CHECK(set_aside(path) == folder / name);
  }
  CHECK(bytes_of(folder / "sample.h5.damaged") == "1");
  CHECK(bytes_of(folder / "sample.h5.damaged-2") == "2");
  CHECK(bytes_of(folder / "sample.h5.damaged-3") == "3");
  CHECK(list_checkpoints(folder.path()).empty());
  CHECK(test::error_of([&] { set_aside(path); }) ==
        "4: " + path.string() + ": cannot be set aside: No such file or directory");
}

TEST_CASE("what killed runs have left is listed", "[verify]") {
  const test::TempFolder folder;
  folder.write(".a.h5.tmp-12", "x");
  folder.write(".wishart-probe-3", "");
  folder.write("b.h5", "x");
  folder.write(".hidden", "x");
  const std::vector<std::filesystem::path> found = leftovers(folder.path());
  REQUIRE(found.size() == 2);
  CHECK(found[0].filename() == ".a.h5.tmp-12");
  CHECK(found[1].filename() == ".wishart-probe-3");
}

TEST_CASE("a checkpoint keeps its part, and parts are about as large as each other", "[verify]") {
  // Known answers: another rule would let a month of nights miss checkpoints.
  CHECK(part_of("checkpoint-100", 30) == 26);
  CHECK(part_of("checkpoint-200", 30) == 3);
  CHECK(part_of("checkpoint-200", 1) == 1);
  std::vector<double> sizes(30);
  constexpr int kCheckpoints = 30'000;
  for (int i = 0; i < kCheckpoints; ++i) {
    const std::int64_t part = part_of("checkpoint-" + std::to_string(10 * i), 30);
    REQUIRE((part >= 1 && part <= 30));
    sizes[static_cast<std::size_t>(part - 1)] += 1;
  }
  // Chi-squared with 29 degrees of freedom: more than 70 once in 10^4.6 tries by chance.
  double chi = 0;
  for (const double size : sizes) chi += (size - 1000) * (size - 1000) / 1000;
  CHECK(chi < 70);
}

TEST_CASE("a verdict that another process hands over is whole but for the file", "[verify]") {
  Verdict verdict;
  verdict.file = "a.h5";
  verdict.standing = Standing::unreadable;
  verdict.sealed = verdict.announced = verdict.contradictory = true;
  verdict.num_layers = 3;
  verdict.size_bytes = 4;
  verdict.blame = Blame::resource;
  verdict.findings = {"no memory"};
  const std::vector<std::byte> bytes = packed(verdict);
  const auto got = unpacked<Verdict>(bytes);
  CHECK(got.file.empty());
  CHECK(got.standing == Standing::unreadable);
  CHECK((got.sealed && got.announced && got.contradictory));
  CHECK(got.num_layers == 3);
  CHECK(got.size_bytes == 4);
  CHECK(got.blame == Blame::resource);  // decides about the exit code
  CHECK(got.findings == verdict.findings);
}
