/// @file
/// What an index tells of the order of training is what the program takes for it.

#include <algorithm>
#include <cstddef>
#include <map>

#include <catch2/catch.hpp>
#include <hdf5.h>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/archive/verify.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;
using test::TempFolder;

namespace {

/// A checkpoint of weights that is nobody's copy.
CheckpointRecord checkpoint(const std::string& id, std::int64_t step) {
  CheckpointRecord record = test::sound_record();
  record.provenance.checkpoint_id = id;
  record.provenance.training.step = step;
  record.provenance.checkpoint_path = "/run/" + id;
  record.provenance.checkpoint_identity = "files of " + id;
  record.provenance.mode = "corrected";
  record.provenance.analysis = AnalysisKind::weights;
  return record;
}

void write(const std::filesystem::path& archive, const CheckpointRecord& record) {
  (void)write_archive(archive, record);
}

using Places = std::map<std::string, std::int64_t>;
using Reasons = std::map<std::string, std::string>;

Places places_of(const std::vector<IndexRow>& rows) {
  Places places;
  for (const IndexRow& row : rows) places.emplace(row.checkpoint_id, row.place);
  return places;
}

Reasons reasons_of(const std::vector<IndexRow>& rows) {
  Reasons reasons;
  for (const IndexRow& row : rows) {
    if (!row.left_out.empty()) reasons.emplace(row.checkpoint_id, row.left_out);
  }
  return reasons;
}

/// The id with the last place; empty if there is none.
std::string last_of(const std::vector<IndexRow>& rows) {
  const auto last =
      std::max_element(rows.begin(), rows.end(),
                       [](const IndexRow& a, const IndexRow& b) { return a.place < b.place; });
  return last == rows.end() || last->place < 0 ? "" : last->checkpoint_id;
}

/// Checks rows against what the program itself takes, and returns the reasons.
Reasons checked(const std::vector<IndexRow>& rows, const Reader& reader) {
  std::string taken;
  (void)error_of([&] { taken = choose(reader, "").id; });
  CHECK(last_of(rows) == taken);
  Reasons reasons;
  for (const Analysed& one : reader.latest_run().left_out) {
    reasons.emplace(one.checkpoint, left_out_name(one.why));
  }
  CHECK(reasons_of(rows) == reasons);
  Places places;
  for (const std::string& id : reader.ids()) places.emplace(id, -1);
  std::int64_t next = 0;
  for (const std::string& id : reader.latest_run().order()) places[id] = next++;
  CHECK(places_of(rows) == places);
  return reasons;
}

/// The reasons that the index of a folder gives, which is brought up to date. A rebuilt one and a
/// packed file tell the same.
Reasons told(const std::filesystem::path& archive) {
  (void)update_index(archive, false);
  const std::vector<IndexRow> rows = read_index(archive);
  (void)update_index(archive, true);
  CHECK(places_of(read_index(archive)) == places_of(rows));
  const TempFolder elsewhere;
  (void)pack_archive(archive, elsewhere / "run.h5");
  (void)checked(read_index(elsewhere / "run.h5"), Reader(elsewhere / "run.h5"));
  return checked(rows, Reader(archive));
}

/// The row of a table without its last `count` columns, as `stored` and in memory.
hid_t cut_row(hid_t stored, int count) {
  const int kept = H5Tget_nmembers(stored) - count;
  const hid_t type =
      H5Tcreate(H5T_COMPOUND, H5Tget_member_offset(stored, static_cast<unsigned>(kept)));
  for (unsigned i = 0; i < static_cast<unsigned>(kept); ++i) {
    char* name = H5Tget_member_name(stored, i);
    const hid_t member = H5Tget_member_type(stored, i);
    H5Tinsert(type, name, H5Tget_member_offset(stored, i), member);
    H5Tclose(member);
    H5free_memory(name);
  }
  return type;
}

/// Makes an index one of before it told the order: without its last three columns.
void make_old(const std::filesystem::path& index) {
  const test::ArchiveEditor editor(index);
  const hid_t table = H5Dopen2(editor.file(), "checkpoints_table", H5P_DEFAULT);
  const hid_t stored = H5Dget_type(table);
  const hid_t space = H5Dget_space(table);
  const hid_t type = cut_row(stored, 3);
  std::vector<std::byte> rows(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) *
                              H5Tget_size(type));
  REQUIRE(H5Dread(table, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) >= 0);
  editor.remove("checkpoints_table");
  const hid_t old = H5Dcreate2(editor.file(), "checkpoints_table", type, space, H5P_DEFAULT,
                               H5P_DEFAULT, H5P_DEFAULT);
  REQUIRE(H5Dwrite(old, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) >= 0);
  for (const hid_t dataset : {table, old}) H5Dclose(dataset);
  for (const hid_t one : {stored, type}) H5Tclose(one);
  H5Sclose(space);
  // The hash is that of the new table.
  editor.remove_attribute("content_hashes");
  editor.set_integer_attribute("schema_version", 2);
}

/// Takes a line out of the hashes of a file.
void forget_hash(const test::ArchiveEditor& editor, const std::string& name) {
  const hid_t attribute = H5Aopen(editor.file(), "content_hashes", H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute);
  std::string text(H5Tget_size(type), '\0');
  REQUIRE(H5Aread(attribute, type, text.data()) >= 0);
  H5Tclose(type);
  H5Aclose(attribute);
  const std::size_t at = text.find(" " + name + "\n");
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at - 32;
  text.erase(begin, text.find('\n', begin) + 1 - begin);
  editor.set_text_attribute("content_hashes", text);
}

}  // namespace

TEST_CASE("the index tells the order of training, and why others are left out", "[index]") {
  const TempFolder folder;
  for (const std::int64_t step : {50, 600, 100}) {
    write(folder.path(), checkpoint("m-" + std::to_string(step), step));
  }
  CHECK(told(folder.path()).empty());
  CHECK(places_of(read_index(folder.path())) == Places{{"m-50", 0}, {"m-100", 1}, {"m-600", 2}});
  // A later stage, and one that has no step.
  write(folder.path(), checkpoint("stage2-m-5", 5));
  write(folder.path(), checkpoint("final", -1));
  CHECK(told(folder.path()).empty());
  CHECK(last_of(read_index(folder.path())) == "stage2-m-5");
  CHECK(places_of(read_index(folder.path())).at("final") == -1);

  CheckpointRecord other = checkpoint("m-700-ww", 700);
  other.provenance.mode = "weightwatcher";
  write(folder.path(), other);
  other = checkpoint("m-100-fit", 100);
  other.provenance.fit_options = R"({"fit": "TPL"})";
  write(folder.path(), other);
  other = checkpoint("m-600-copy", 600);
  other.provenance.checkpoint_identity = "files of m-600";
  write(folder.path(), other);
  write(folder.path(), checkpoint("m-50-int8", 50));
  other = checkpoint("m-600-base-m-50", 600);
  other.provenance.analysis = AnalysisKind::difference;
  other.provenance.base_path = "/run/m-50";
  write(folder.path(), other);
  CHECK(told(folder.path()) == Reasons{{"m-700-ww", "mode"},
                                       {"m-100-fit", "fit"},
                                       {"m-600-copy", "twice"},
                                       {"m-50-int8", "step"},
                                       {"m-600-base-m-50", "change"}});
  CHECK(last_of(read_index(folder.path())) == "stage2-m-5");
}

TEST_CASE("the index follows the run that the program follows", "[index]") {
  const TempFolder folder;
  for (const std::int64_t step : {100, 150}) {
    write(folder.path(), checkpoint("mix-a-step" + std::to_string(step), step));
    write(folder.path(), checkpoint("mix-b-step" + std::to_string(step + 100), step + 100));
  }
  CHECK(told(folder.path()) == Reasons{{"mix-a-step100", "run"}, {"mix-a-step150", "run"}});
  // The rows that are taken over get other places, without being read.
  for (const std::int64_t step : {300, 350}) {
    write(folder.path(), checkpoint("mix-a-step" + std::to_string(step), step));
  }
  CHECK(update_index(folder.path(), false).read == 2);
  CHECK(told(folder.path()) == Reasons{{"mix-b-step200", "run"}, {"mix-b-step250", "run"}});
  CHECK(last_of(read_index(folder.path())) == "mix-a-step350");
}

TEST_CASE("without steps the index tells no latest but the only model", "[index]") {
  const TempFolder folder;
  write(folder.path(), checkpoint("tuned", -1));
  CHECK(told(folder.path()).empty());
  CHECK(last_of(read_index(folder.path())) == "tuned");
  CheckpointRecord difference = checkpoint("tuned-base-first", 7);
  difference.provenance.analysis = AnalysisKind::difference;
  write(folder.path(), difference);
  CHECK(told(folder.path()) == Reasons{{"tuned-base-first", "change"}});
  CHECK(last_of(read_index(folder.path())) == "tuned");
  write(folder.path(), checkpoint("first", -1));
  CHECK(told(folder.path()) == Reasons{{"tuned-base-first", "change"}});
  CHECK(last_of(read_index(folder.path())).empty());
}

TEST_CASE("beside a file that cannot be read the order is not known", "[index]") {
  const TempFolder folder;
  for (const char* id : {"m-1", "m-1-int8", "m-2"}) {
    write(folder.path(), checkpoint(id, id[2] - '0'));
  }
  (void)update_index(folder.path(), false);
  CHECK(last_of(read_index(folder.path())) == "m-2");
  folder.write("junk.h5", "not HDF5");
  CHECK(update_index(folder.path(), false).unreadable.size() == 1);
  CHECK(last_of(read_index(folder.path())).empty());
  CHECK(reasons_of(read_index(folder.path())).empty());
  std::filesystem::remove(folder / "junk.h5");
  CHECK(update_index(folder.path(), false).read == 0);
  CHECK(told(folder.path()) == Reasons{{"m-1-int8", "step"}});
}

TEST_CASE("the rows of an index that does not tell the order are made anew", "[index]") {
  const TempFolder folder;
  for (const std::int64_t step : {1, 2}) {
    write(folder.path(), checkpoint("m-" + std::to_string(step), step));
  }
  (void)update_index(folder.path(), false);
  make_old(folder / "index.h5");
  const std::vector<IndexRow> old = read_index(folder.path());
  CHECK(places_of(old) == Places{{"m-1", -1}, {"m-2", -1}});
  CHECK(old[1].step == 2);
  CHECK(old[1].fit.empty());
  CHECK(update_index(folder.path(), false).read == 2);
  CHECK(places_of(read_index(folder.path())) == Places{{"m-1", 0}, {"m-2", 1}});
}

TEST_CASE("a packed file has an index that is covered by its hashes", "[index][packed]") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "archive");
  for (const std::int64_t step : {1, 2}) {
    write(folder / "archive", checkpoint("m-" + std::to_string(step), step));
  }
  const std::filesystem::path packed = folder / "run.h5";
  REQUIRE(pack_archive(folder / "archive", packed) == 2);
  CHECK(verify_file(packed).standing == Standing::whole);
  CHECK(read_index(packed)[1].size_bytes == 0);
  (void)unpack_archive(packed, folder / "back");
  for (const char* name : {"m-1.h5", "m-2.h5"}) {
    CHECK(test::content_of(folder / "back" / name) == test::content_of(folder / "archive" / name));
  }

  SECTION("a changed one is told, and made again where it is sealed") {
    test::ArchiveEditor(packed).set_cell("checkpoints_table", "alpha", 0, 9.99);
    const Verdict verdict = verify_file(packed);
    CHECK(verdict.standing == Standing::changed);
    CHECK(std::count(verdict.findings.begin(), verdict.findings.end(),
                     "/checkpoints_table is not as written") == 1);
    CHECK(error_of([&] { (void)read_index(packed); }) ==
          "3: " + packed.string() +
              ": was changed after it was written: /checkpoints_table is not as written. Unpack "
              "it, and pack the folder again");
    CHECK(Reader(packed).read("m-2").provenance.training.step == 2);
    reseal(packed);
    CHECK(verify_file(packed).standing == Standing::whole);
    CHECK(read_index(packed)[0].alpha != 9.99);
  }
  SECTION("one that is gone is told") {
    test::ArchiveEditor(packed).remove("checkpoints_table");
    const Verdict verdict = verify_file(packed);
    CHECK(verdict.standing == Standing::damaged);
    CHECK(verdict.num_layers == 4);  // it reads on
    CHECK(Reader(packed).read("m-2").provenance.training.step == 2);
  }
  SECTION("an older version packed none") {
    {
      const test::ArchiveEditor editor(packed);
      editor.remove("checkpoints_table");
      forget_hash(editor, "/checkpoints_table");
    }
    CHECK(verify_file(packed).standing == Standing::unsealed);
    CHECK(read_index(packed).empty());
    CHECK(choose(Reader(packed), "").id == "m-2");
    CHECK(unpack_archive(packed, folder / "again").checkpoints == 2);
    reseal(packed);
    CHECK(last_of(read_index(packed)) == "m-2");
  }
}
