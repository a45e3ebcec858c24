/// @file
/// The index of an archive, and archives packed into one file.

#include <chrono>

#include <catch2/catch.hpp>
#include <hdf5.h>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/archive/verify.hpp"

#include "edit_archive.hpp"
#include "file_size_limit.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;

namespace {

CheckpointRecord at_step(std::int64_t step) {
  CheckpointRecord record = test::sample_record(2, "step-" + std::to_string(step));
  record.provenance.training.step = step;
  record.summary.resize(2);
  record.summary[0] = {"all", "all", "alpha", 5, 1, 3.5, 3.25, 0, 0, 0, 0};
  record.summary[1] = {"all", "all", "log_norm", 6, 0, 1.5, 0, 0, 0, 0, 0};
  return record;
}

/// The folder of an archive of some steps.
std::filesystem::path archive_of(const test::TempFolder& folder,
                                 const std::vector<std::int64_t>& steps) {
  std::filesystem::path archive = folder / "archive";
  prepare_folder(archive);
  for (const std::int64_t step : steps) write_archive(archive, at_step(step));
  return archive;
}

}  // namespace

TEST_CASE("the index has a row for each checkpoint, and links to the files", "[index]") {
  const test::TempFolder folder;
  for (const std::int64_t step : {100, 20, 3}) write_archive(folder.path(), at_step(step));
  CHECK(update_index(folder.path(), false).read == 3);
  const std::vector<IndexRow> rows = read_index(folder.path());
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].checkpoint_id == "step-3");
  CHECK(rows[2].step == 100);
  CHECK(rows[2].layers == 6);
  CHECK(rows[2].analysis == "difference");
  CHECK(rows[2].base_path == "/data/größe/step-5");
  CHECK(rows[2].base_identity == "ffeeddccbbaa99887766554433221100");
  CHECK(rows[2].alpha == 3.5);
  CHECK(rows[2].alpha_median == 3.25);
  CHECK(rows[2].log_norm == 1.5);
  CHECK(rows[2].standing == "whole");
  CHECK(list_checkpoints(folder.path()).size() == 3);  // the index is no checkpoint
  // As h5py would: through the link into the file.
  const hid_t index = H5Fopen((folder / "index.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(index >= 0);
  const hid_t layers = H5Dopen2(index, "checkpoints/step-20/layers", H5P_DEFAULT);
  CHECK(layers >= 0);
  H5Dclose(layers);
  H5Fclose(index);
}

TEST_CASE("an update opens only what has changed, a rebuild all", "[index]") {
  const test::TempFolder folder;
  for (const std::int64_t step : {1, 2, 3}) write_archive(folder.path(), at_step(step));
  update_index(folder.path(), false);
  CHECK(update_index(folder.path(), false).read == 0);
  CheckpointRecord changed = at_step(2);
  changed.summary[0].mean = 9;
  write_archive(folder.path(), changed);
  std::filesystem::remove(folder / "step-1.h5");
  CHECK(update_index(folder.path(), false).read == 1);
  const std::vector<IndexRow> rows = read_index(folder.path());
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].alpha == 9);
  CHECK(update_index(folder.path(), true).read == 2);
}

TEST_CASE("a file that cannot be read has a row that says so", "[index]") {
  const test::TempFolder folder;
  write_archive(folder.path(), at_step(1));
  folder.write("junk.h5", "not HDF5");
  folder.write("index.h5", "not HDF5 either");  // a bad index is replaced
  update_index(folder.path(), false);
  const std::vector<IndexRow> rows = read_index(folder.path());
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].checkpoint_id == "junk");
  CHECK(rows[0].standing.find("is not an HDF5 file") != std::string::npos);
}

TEST_CASE("an index that cannot be written leaves the old one", "[index]") {
  const test::TempFolder folder;
  write_archive(folder.path(), at_step(1));
  update_index(folder.path(), false);
  write_archive(folder.path(), at_step(2));
  {
    const test::FileSizeLimit full(1000);
    CHECK(error_of([&] { update_index(folder.path(), false); }).rfind("4: ", 0) == 0);
  }
  CHECK(read_index(folder.path()).size() == 1);
}

TEST_CASE("every flipped byte of an index is found", "[index]") {
  const test::TempFolder folder;
  write_archive(folder.path(), at_step(1));
  update_index(folder.path(), false);
  CHECK(verify_index(folder.path()).standing == Standing::whole);
  const std::filesystem::path path = folder / "index.h5";
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  for (std::int64_t at = 0; at < size; at += test::kByteStep) {
    const unsigned bit = 1U << static_cast<unsigned>(at % 8);
    test::flip_byte(path, at, bit);
    if (verify_index(folder.path()).standing != Standing::damaged) FAIL("byte " << at);
    test::flip_byte(path, at, bit);
  }
}

TEST_CASE("ten thousand checkpoints are indexed in seconds", "[index]") {
  const test::TempFolder folder;
  const int count = 10'000 / static_cast<int>(test::kByteStep);
  const std::filesystem::path first = write_archive(folder.path(), at_step(0));
  for (int i = 1; i < count; ++i) {
    // Links to one file: what counts is opening and reading them all.
    std::filesystem::create_hard_link(first, folder / ("step-" + std::to_string(i) + ".h5"));
  }
  CHECK(update_index(folder.path(), false).read == count);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(update_index(folder.path(), false).read == 0);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  WARN("an update of " << count << " checkpoints took " << seconds.count() << " s");
  CHECK(read_index(folder.path()).size() == static_cast<std::size_t>(count));
}

TEST_CASE("a record with a name that is no id is neither packed nor unpacked", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {1});
  const std::filesystem::path file = archive / "step-1.h5";
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(archive, packed) == 1);
  const std::string text =
      ": holds the checkpoint '../x', which is not a valid id. It was not written by wishart";
  {
    const test::ArchiveEditor editor(file);
    editor.make_version_2();  // whose attributes have no hashes
    editor.set_text_attribute("checkpoint_id", "../x");
  }
  CHECK(error_of([&] { (void)pack_archive(archive, folder / "other.h5"); }) ==
        "3: " + file.string() + text);
  {
    const test::ArchiveEditor editor(packed);
    const hid_t group = H5Gopen2(editor.file(), "/checkpoints/step-1", H5P_DEFAULT);
    REQUIRE(H5Adelete(group, "checkpoint_id") >= 0);
    REQUIRE(H5Adelete(group, "content_hashes") >= 0);
    const hid_t version = H5Aopen(group, "schema_version", H5P_DEFAULT);
    const std::int64_t two = 2;
    REQUIRE(H5Awrite(version, H5T_NATIVE_INT64, &two) >= 0);
    H5Aclose(version);
    H5Gclose(group);
  }
  const Unpacked unpacked = unpack_archive(packed, folder / "back");
  CHECK(unpacked.checkpoints == 0);
  CHECK(unpacked.left == std::vector<std::string>{"step-1"});
  CHECK(unpacked.reason.find("holds the checkpoint '', which is not a valid id. It was not") !=
        std::string::npos);
}

TEST_CASE("what could not be read again is not packed", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {1});
  CHECK(error_of([&] { (void)pack_archive(archive, archive / "pack.h5"); }) ==
        "2: " + (archive / "pack.h5").string() +
            ": is in the archive folder itself, where it would be taken for a checkpoint. Choose "
            "another folder");
  std::filesystem::copy_file(archive / "step-1.h5", archive / "step 1.h5");
  CHECK(error_of([&] { (void)pack_archive(archive, folder / "pack.h5"); }) ==
        "3: " + (archive / "step 1.h5").string() +
            ": 'step 1' is not a valid id, which each checkpoint of a packed file needs. Rename "
            "it: letters, digits and ._+=-, no dot at the beginning");
  CHECK_FALSE(std::filesystem::exists(folder / "pack.h5"));
}

TEST_CASE("an archive is packed into one file and comes back as it was", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {1, 2});
  const std::filesystem::path packed = folder / "run.h5";
  CHECK(pack_archive(archive, packed) == 2);
  CHECK(unpack_archive(packed, folder / "back").checkpoints == 2);
  for (const std::int64_t step : {1, 2}) {
    const std::string name = "step-" + std::to_string(step) + ".h5";
    CHECK(test::difference(read_archive(folder / "back" / name), at_step(step)) == "");
  }
  std::filesystem::rename(archive / "step-2.h5", archive / "best.h5");
  CHECK(pack_archive(archive, folder / "renamed.h5") == 2);
  CHECK(unpack_archive(folder / "renamed.h5", folder / "again").checkpoints == 2);
  CHECK(test::difference(read_archive(folder / "again" / "best.h5"), at_step(2)) == "");
  CHECK(error_of([&] { (void)unpack_archive(packed, folder / "back"); }).find("already exists") !=
        std::string::npos);
  CHECK(error_of([&] { (void)pack_archive(archive, packed); }).rfind("2: ", 0) == 0);
  CHECK(error_of([&] { (void)read_archive(packed); }).find("of kind 'packed'") !=
        std::string::npos);
  CHECK(error_of([&] {
          (void)unpack_archive(archive / "step-1.h5", folder / "other");
        }).find("of kind 'checkpoint', expected 'packed'") != std::string::npos);
}

TEST_CASE("a damaged checkpoint keeps no other one in its packed file", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(archive_of(folder, {1, 2, 3}), packed) == 3);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(packed));
  std::int64_t in_one = 0;
  std::int64_t told = 0;
  for (std::int64_t at = size / 8; at < size - size / 8; at += 997) {
    test::flip_byte(packed, at);
    const std::filesystem::path back = folder / std::to_string(at);
    Unpacked unpacked;
    const std::string refusal = error_of([&] { unpacked = unpack_archive(packed, back); });
    test::flip_byte(packed, at);
    if (refusal != "no error" || unpacked.left.size() != 1) continue;
    ++in_one;
    CHECK(unpacked.checkpoints == 2);
    CHECK(unpacked.reason.find("/checkpoints/" + unpacked.left[0]) != std::string::npos);
    CHECK(unpacked.reason.find("delete it") == std::string::npos);
    told += unpacked.reason.ends_with(
                "The file is damaged: restore it, or unpack the others (wishart merge FILE "
                "--unpack DIR) and scan this one again")
                ? 1
                : 0;
    CHECK(list_checkpoints(back).size() == 2);
    for (const std::string& id : list_checkpoints(back)) {
      CHECK(verify_file(back / (id + ".h5")).sealed);
    }
  }
  CHECK(in_one > 3);
  CHECK(told > 0);
}

TEST_CASE("a file, packed or not, is no archive to be written", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {1});
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(archive, packed) == 1);
  const std::string whole = "2: " + packed.string() +
                            ": is a packed archive, which cannot be changed. Unpack it first: "
                            "wishart merge FILE --unpack DIR";
  CHECK(error_of([&] { prepare_folder(packed); }) == whole);
  CHECK(error_of([&] { (void)update_index(packed, false); }) == whole);
  CHECK(error_of([&] { (void)pack_archive(packed, folder / "b.h5"); }) == whole);
  CHECK(error_of([&] { (void)update_index(archive / "step-1.h5", false); }) ==
        "2: " + (archive / "step-1.h5").string() +
            ": is a file, expected the folder of an archive");
}

TEST_CASE("a folder without checkpoints gets no index", "[index]") {
  const test::TempFolder folder;
  CHECK(update_index(folder.path(), false).checkpoints == 0);
  CHECK_FALSE(std::filesystem::exists(folder / "index.h5"));
}

TEST_CASE("a packed file is read as the folder that it was made of", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {20, 3});
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(archive, packed) == 2);
  CHECK(is_packed(packed));
  CHECK_FALSE(is_packed(archive));
  CHECK_FALSE(is_packed(archive / "step-3.h5"));
  CHECK_FALSE(is_packed(folder / "none"));
  CHECK(Reader(packed).ids() == std::vector<std::string>{"step-3", "step-20"});
  CHECK(Reader(packed).ids() == Reader(archive).ids());
  for (const std::string id : {"step-3", "step-20"}) {
    const auto inside = resolve_checkpoint(packed, id);
    CHECK(test::difference(read_archive(inside), read_archive(archive / (id + ".h5"))) == "");
    CHECK(read_archive(inside, Parts::without_spectra).spectra.empty());
    CHECK(read_provenance(inside).checkpoint_id == id);
  }
  CHECK(error_of([&] { (void)resolve_checkpoint(packed, "step-5"); }).find("It has: ") !=
        std::string::npos);
  CHECK(error_of([&] { (void)resolve_checkpoint(packed, "step-4"); }).find("has no checkpoint") !=
        std::string::npos);
  CHECK(error_of([&] { (void)read_archive(packed / "step-4.h5"); }).rfind("3: ", 0) == 0);
}

TEST_CASE("a reader opens a packed file once", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {20, 3});
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(archive, packed) == 2);
  Reader first(packed);
  std::filesystem::remove(packed);  // who opened it again would find nothing
  const Reader reader = std::move(first);
  CHECK(reader.packed());
  CHECK(reader.ids() == std::vector<std::string>{"step-3", "step-20"});
  CHECK(choose(reader, "step-20").id == "step-20");
  CHECK(reader.file_of("step-3") == packed / "step-3.h5");
  for (const std::int64_t step : {20, 3}) {
    const std::string id = "step-" + std::to_string(step);
    CheckpointRecord expected = at_step(step);
    CHECK(test::difference(reader.read(id), expected) == "");
    CHECK(test::difference(reader.provenance(id), expected.provenance) == "");
    for (std::size_t i = 1; i < expected.spectra.size(); ++i) expected.spectra[i] = {};
    expected.spectra[0] = {expected.spectra[0].sigma, {}, {}, {}};
    const auto choose = [](const std::vector<LayerRow>&) { return std::vector<std::size_t>{0}; };
    CHECK(test::difference(reader.read(id, choose), expected) == "");
  }
  CHECK(error_of([&] { (void)reader.read("step-4"); }).rfind("3: ", 0) == 0);
}

TEST_CASE("a reader of a folder or of a file goes by the names of the files", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = archive_of(folder, {1});
  std::filesystem::rename(archive / "step-1.h5", archive / "kept.h5");
  for (const auto& path : {archive, archive / "kept.h5"}) {
    const Reader reader(path);
    CHECK_FALSE(reader.packed());
    CHECK(reader.ids() == std::vector<std::string>{"kept"});
    CHECK(choose(reader, "").id == "kept");
    CHECK(reader.file_of("kept") == archive / "kept.h5");
    CheckpointRecord expected = at_step(1);
    expected.provenance.checkpoint_id = "kept";
    CHECK(test::difference(reader.read("kept"), expected) == "");
    CHECK(reader.provenance("kept").checkpoint_id == "step-1");
  }
  CHECK(error_of([&] { Reader(folder / "none"); }) ==
        "3: " + (folder / "none").string() +
            ": cannot be read as an archive folder: No such file or directory");
  // A file that is no archive is named when it is read.
  const auto text = folder.write("notes.txt", "no archive");
  CHECK(Reader(text).ids() == std::vector<std::string>{"notes"});
  CHECK(error_of([&] { (void)Reader(text).read("notes"); }).find("is not an HDF5 file") !=
        std::string::npos);
}

TEST_CASE("a damaged archive is not packed", "[packed]") {
  const test::TempFolder folder;
  const std::filesystem::path archive = folder / "archive";
  prepare_folder(archive);
  test::flip_byte(write_archive(archive, at_step(1)), 60);
  CHECK(error_of([&] { (void)pack_archive(archive, folder / "run.h5"); }).rfind("3: ", 0) == 0);
  CHECK_FALSE(std::filesystem::exists(folder / "run.h5"));
  prepare_folder(folder / "empty");
  CHECK(error_of([&] {
          (void)pack_archive(folder / "empty", folder / "run.h5");
        }).find("holds no archive") != std::string::npos);
}
