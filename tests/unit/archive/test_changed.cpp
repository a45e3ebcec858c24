/// @file
/// Archives that another program has opened for writing: what they still prove, and sealing again.

#include <algorithm>
#include <cmath>
#include <functional>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/archive/verify.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::ArchiveEditor;
using test::error_of;

namespace {

constexpr const char* kGone = "its seal is gone: another program has opened it for writing";
constexpr const char* kUnknown =
    "the original content is not known. Restore the file, or set it aside with --repair; "
    "--reseal accepts it as it is";
constexpr const char* kRemedy =
    ". Restore the file, or delete it and scan the checkpoint again. If the change is wanted: "
    "wishart verify --reseal";

constexpr const char* kRemedyPacked =
    ". Restore the file, or unpack the others (wishart merge FILE --unpack DIR) and scan this one "
    "again. If the change is wanted: wishart verify --reseal";

struct Sound {
  test::TempFolder folder;
  CheckpointRecord record = test::sound_record();
  std::filesystem::path path = write_archive(folder.path(), record);

  [[nodiscard]] ArchiveEditor editor() const { return ArchiveEditor(path); }
  [[nodiscard]] std::string error() const {
    return error_of([&] { (void)read_archive(path); });
  }
  [[nodiscard]] std::string refusal(const std::string& what) const {
    return "3: " + path.string() + ": was changed after it was written: " + what + kRemedy;
  }
};

/// Copies all objects into a new file, as h5repack does.
void copy_objects(const std::filesystem::path& from, const std::filesystem::path& to) {
  const ArchiveEditor editor(from);
  const hid_t target = H5Fcreate(to.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
  for (const char* name : {"layers", "skipped", "summary", "files", "spectra", "hashes", "traps"}) {
    REQUIRE(H5Ocopy(editor.file(), name, target, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
  }
  H5O_info_t root;
  REQUIRE(H5Oget_info2(editor.file(), &root, H5O_INFO_NUM_ATTRS) >= 0);
  for (hsize_t i = 0; i < root.num_attrs; ++i) {
    const hid_t one =
        H5Aopen_by_idx(editor.file(), ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Aget_type(one);
    const hid_t space = H5Aget_space(one);
    std::string name(100, '\0');
    name.resize(static_cast<std::size_t>(H5Aget_name(one, name.size(), name.data())));
    std::vector<char> bytes(H5Tget_size(type));
    REQUIRE(H5Aread(one, type, bytes.data()) >= 0);
    const hid_t made = H5Acreate2(target, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(H5Awrite(made, type, bytes.data()) >= 0);
    H5Aclose(made);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(one);
  }
  H5Fclose(target);
}

bool has(const std::vector<std::string>& findings, const std::string& text) {
  return std::find(findings.begin(), findings.end(), text) != findings.end();
}

}  // namespace

TEST_CASE("a file that was opened for writing without a change is unsealed, and still read",
          "[changed]") {
  const Sound sound;
  { const ArchiveEditor editor = sound.editor(); }
  const Verdict verdict = verify_file(sound.path);
  CHECK(verdict.standing == Standing::unsealed);
  CHECK_FALSE(verdict.sealed);
  CHECK(verdict.announced);
  CHECK(verdict.findings ==
        std::vector<std::string>{
            kGone,
            "all values are as written, according to their hashes; the other bytes of the file "
            "cannot be checked. `wishart verify --reseal` seals it again"});
  CHECK(test::difference(read_archive(sound.path), sound.record) == "");
}

TEST_CASE("a changed number is refused by whoever reads it, and named", "[changed]") {
  const Sound sound;
  sound.editor().set_cell("layers", "alpha", 1, 9.99);
  const std::string what = "/layers is not as written, the row of " + sound.record.layers[1].key;
  CHECK(sound.error() == sound.refusal(what));
  CHECK(error_of([&] { (void)read_archive(sound.path, Parts::without_spectra); }) == sound.error());
  const Verdict verdict = verify_file(sound.path);
  CHECK(verdict.standing == Standing::changed);
  REQUIRE(verdict.findings.size() == 4);
  CHECK(verdict.findings[0] == kGone);
  CHECK(verdict.findings[1] == what);
  CHECK(verdict.findings[2] ==
        "as written, according to their hashes: /files, /hashes/layers, /hashes/sigma, /skipped, "
        "/spectra/offset, /spectra/sigma, /spectra/view_offset, /spectra/view_rank_loss, "
        "/spectra/view_sigma_max, /spectra/view_sigma_min, /summary, /traps, attributes");
  CHECK(verdict.findings[3] == kUnknown);
}

TEST_CASE("a changed singular value is refused, also when only its spectrum is read", "[changed]") {
  const Sound sound;
  sound.editor().set_number("spectra/sigma", 4, 4.5);
  const std::string what =
      "/spectra/sigma is not as written, the values of " + sound.record.layers[1].key;
  CHECK(sound.error() == sound.refusal(what));
  const auto chosen = [&](std::size_t layer) {
    return error_of(
        [&] { (void)read_archive(sound.path, [&](const auto&) { return std::vector{layer}; }); });
  };
  CHECK(chosen(1) == sound.refusal(what));
  CHECK(chosen(0) == "no error");  // its values are as written
  CHECK(error_of([&] { (void)read_archive(sound.path, Parts::without_spectra); }) == "no error");
  const Verdict verdict = verify_file(sound.path);
  CHECK(verdict.standing == Standing::changed);
  CHECK(verdict.contradictory);  // the sum of squares is another
}

TEST_CASE("whatever of an archive is changed or removed is named", "[changed]") {
  struct Case {
    std::function<void(const ArchiveEditor&)> change;
    const char* text;
  };
  const std::vector<Case> cases{
      {[](const ArchiveEditor& e) { e.set_integer_attribute("step", 11); },
       "attribute step is not as written"},
      {[](const ArchiveEditor& e) { e.set_text_attribute("mode", "weightwatcher"); },
       "attribute mode is not as written"},
      {[](const ArchiveEditor& e) { e.remove_attribute("tokens"); }, "attribute tokens is missing"},
      {[](const ArchiveEditor& e) { e.set_integer_attribute("schema_version", 2); },
       "attribute schema_version is not as written"},
      {[](const ArchiveEditor& e) { e.remove_attribute("content_hashes"); },
       "attribute content_hashes is missing, which holds the hashes of everything else"},
      {[](const ArchiveEditor& e) { e.set_text_attribute("content_hashes", "none"); },
       "attribute content_hashes is not as written"},
      {[](const ArchiveEditor& e) { e.set_cell("summary", "mean", 0, 1); },
       "/summary is not as written"},
      {[](const ArchiveEditor& e) { e.set_cell("traps", "trap_q", 0, 0.5); },
       "/traps is not as written"},
      {[](const ArchiveEditor& e) { e.remove("traps"); }, "/traps is missing"},
      {[](const ArchiveEditor& e) { e.set_number("spectra/view_sigma_max", 0, 7); },
       "/spectra/view_sigma_max is not as written"},
  };
  for (const Case& one : cases) {
    const Sound sound;
    one.change(sound.editor());
    CAPTURE(one.text);
    CHECK(sound.error() == sound.refusal(one.text));
    const Verdict verdict = verify_file(sound.path);
    CHECK(verdict.standing == Standing::changed);
    CHECK(has(verdict.findings, one.text));
  }
}

TEST_CASE("an attribute that was added is named, and leaves the rest as it was", "[changed]") {
  const Sound sound;
  sound.editor().set_integer_attribute("note", 1);
  CHECK(sound.error() == "no error");
  const Verdict verdict = verify_file(sound.path);
  CHECK(verdict.standing == Standing::unsealed);
  CHECK(has(verdict.findings, "added since, not part of the archive: attribute note"));
}

TEST_CASE("a file that another program has written anew keeps its hashes", "[changed]") {
  const Sound sound;
  const std::filesystem::path copy = sound.folder / "copy/sample.h5";
  prepare_folder(copy.parent_path());
  copy_objects(sound.path, copy);
  CHECK(verify_file(copy).standing == Standing::unsealed);
  CHECK(test::difference(read_archive(copy), sound.record) == "");
}

TEST_CASE("a changed file is sealed again, and its provenance tells so", "[changed]") {
  const Sound sound;
  sound.editor().set_cell("layers", "alpha", 1, 9.99);
  reseal(sound.path);
  const Verdict verdict = verify_file(sound.path);
  CHECK(verdict.standing == Standing::whole);
  CHECK(verdict.sealed);
  const CheckpointRecord read = read_archive(sound.path);
  CHECK(read.layers[1].alpha == 9.99);
  CHECK(read.provenance.reseals == 1);
  const std::string& log = read.provenance.reseal_log;
  CHECK(log.find("Z wishart ") == 19);
  CHECK(log.ends_with("): /layers is not as written, the row of " + sound.record.layers[1].key +
                      "\n"));
  { const ArchiveEditor editor = sound.editor(); }
  reseal(sound.path);
  const Provenance again = read_provenance(sound.path);
  CHECK(again.reseals == 2);
  CHECK(again.reseal_log.rfind(log, 0) == 0);
  CHECK(again.reseal_log.ends_with("): all values as written\n"));
}

TEST_CASE("the log of reseals keeps the latest lines", "[changed]") {
  test::TempFolder folder;
  CheckpointRecord record = test::sound_record();
  record.provenance.reseals = 500;
  record.provenance.reseal_log = "first\n" + std::string(59'980, 'x') + "\n";
  const std::filesystem::path path = write_archive(folder.path(), record);
  { const ArchiveEditor editor(path); }
  reseal(path);
  const Provenance read = read_provenance(path);
  CHECK(read.reseals == 501);
  CHECK(read.reseal_log.find("Z wishart ") == 19);
  CHECK(read.reseal_log.ends_with("): all values as written\n"));
}

TEST_CASE("a change in a packed file is named by its checkpoint, and can be sealed again",
          "[changed][packed]") {
  const Sound sound;
  write_archive(sound.folder.path(), test::sample_record(2, "other"));
  const test::TempFolder folder;
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(sound.folder.path(), packed) == 2);
  { const ArchiveEditor editor(packed); }
  CHECK(verify_file(packed).announced);
  ArchiveEditor(packed).set_cell("checkpoints/sample/layers", "alpha", 0, 9.99);
  const std::string what = "/layers is not as written, the row of " + sound.record.layers[0].key;
  const Verdict verdict = verify_file(packed);
  CHECK(verdict.standing == Standing::changed);
  CHECK(has(verdict.findings, "sample: " + what));
  const std::string refusal = "3: " + packed.string() +
                              ": /checkpoints/sample: was changed after it was written: " + what +
                              kRemedyPacked;
  CHECK(verdict.contradictory);  // `other` has numbers of no matrix
  CHECK(verdict.findings.back() ==
        "the original content is not known. Restore the file, or unpack what is whole");
  CHECK(error_of([&] { (void)Reader(packed).read("sample"); }) == refusal);
  CHECK(error_of([&] { (void)Reader(packed).read("other"); }) == "no error");
  const Unpacked unpacked = unpack_archive(packed, folder / "out");
  CHECK("3: " + unpacked.reason == refusal);
  CHECK(unpacked.left == std::vector<std::string>{"sample"});
  CHECK(unpacked.checkpoints == 1);
  reseal(packed);
  CHECK(verify_file(packed).sealed);
  CHECK(Reader(packed).read("sample").layers[0].alpha == 9.99);
  CHECK(Reader(packed).provenance("sample").reseals == 1);
  ArchiveEditor(packed).remove("checkpoints/other");
  CHECK(error_of([&] { const Reader reader(packed); }) ==
        "3: " + packed.string() +
            ": was changed after it was written: /checkpoints are not the checkpoints that were "
            "packed. Restore the file, or scan its checkpoints into a folder again. If the change "
            "is wanted: wishart verify --reseal");
}

TEST_CASE("a changed file is not packed, and stands in the index as changed", "[changed][index]") {
  const Sound sound;
  sound.editor().set_cell("summary", "mean", 0, 9.99);
  const std::string text = sound.refusal("/summary is not as written");
  CHECK(error_of([&] { pack_archive(sound.folder.path(), sound.folder / "out/run.h5"); }) == text);
  update_index(sound.folder.path(), false);
  const std::vector<IndexRow> rows = read_index(sound.folder.path());
  REQUIRE(rows.size() == 1);
  CHECK("3: " + rows[0].standing == text);
  CHECK(std::isnan(rows[0].alpha));
}

TEST_CASE("a changed index is made again of the files", "[changed][index]") {
  const Sound sound;
  update_index(sound.folder.path(), false);
  ArchiveEditor(sound.folder / "index.h5").set_cell("checkpoints_table", "alpha", 0, 9.99);
  const Verdict verdict = verify_index(sound.folder.path());
  CHECK(verdict.standing == Standing::damaged);
  CHECK(verdict.findings.at(0) == (sound.folder / "index.h5").string() +
                                      ": was changed after it was written: /checkpoints_table is "
                                      "not as written. The next update rebuilds it");
  CHECK(update_index(sound.folder.path(), false).read == 1);
  CHECK(verify_index(sound.folder.path()).standing == Standing::whole);
}

TEST_CASE("opening a file through the link of the index unseals both", "[changed][index]") {
  const Sound sound;
  update_index(sound.folder.path(), false);
  const std::filesystem::path path = sound.folder / "index.h5";
  {
    const ArchiveEditor editor(path);
    editor.set_cell("checkpoints/sample/layers", "alpha", 0, 9.99);
  }
  CHECK(verify_file(sound.path).standing == Standing::changed);
  CHECK(verify_index(sound.folder.path()).findings.at(0) == kGone);
}
