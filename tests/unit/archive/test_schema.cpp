/// @file
/// Other schemas: fewer and more columns, newer versions, sizes that contradict each other.

#include <array>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::ArchiveEditor;
using test::error_of;

namespace {

struct Written {
  test::TempFolder folder;
  CheckpointRecord record = test::sample_record(3);
  std::filesystem::path path = write_archive(folder.path(), record);

  [[nodiscard]] std::string error() const {
    return error_of([&] { (void)read_archive(path); });
  }
  [[nodiscard]] std::string refusal(const std::string& text) const {
    return "3: " + path.string() + ": " + text;
  }
};

/// A row of a table as some other version of the schema might have it.
struct OtherSkipped {
  double added;
  std::int32_t num_params;
  std::array<char, 8> tensor;
};

void write_other_skipped(const ArchiveEditor& editor) {
  editor.remove("skipped");
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, 8);
  H5Tset_strpad(text, H5T_STR_NULLPAD);
  const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(OtherSkipped));
  H5Tinsert(type, "tensor", HOFFSET(OtherSkipped, tensor), text);
  H5Tinsert(type, "num_params", HOFFSET(OtherSkipped, num_params), H5T_NATIVE_INT32);
  H5Tinsert(type, "added", HOFFSET(OtherSkipped, added), H5T_NATIVE_DOUBLE);
  const hsize_t extent = 2;
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t dataset =
      H5Dcreate2(editor.file(), "skipped", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const std::array<OtherSkipped, 2> rows{
      OtherSkipped{1.5, 7, {'n', 'o', 'r', 'm'}},
      OtherSkipped{2.5, -8, {'1', '2', '3', '4', '5', '6', '7', '8'}}};
  REQUIRE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Tclose(type);
  H5Tclose(text);
}

}  // namespace

TEST_CASE("columns are found by name: missing ones keep defaults, others are passed over",
          "[archive]") {
  const Written written;
  ArchiveEditor(written.path).make_version_2();
  write_other_skipped(ArchiveEditor(written.path));
  const CheckpointRecord read = read_archive(written.path);
  REQUIRE(read.skipped.size() == 2);
  CHECK(read.skipped[0].tensor == "norm");
  CHECK(read.skipped[0].num_params == 7);
  CHECK(read.skipped[0].dtype.empty());
  CHECK(read.skipped[1].tensor == "12345678");
  CHECK(read.skipped[1].num_params == -8);
}

TEST_CASE("missing attributes keep their defaults", "[archive]") {
  const Written written;
  {
    const ArchiveEditor editor(written.path);
    editor.make_version_2();
    editor.remove_attribute("restarts");
    editor.remove_attribute("step");
    editor.remove_attribute("mode");
  }
  const Provenance read = read_provenance(written.path);
  CHECK(read.restarts == 0);
  CHECK(read.training.step == -1);
  CHECK(read.mode.empty());
  CHECK(read.checkpoint_id == "sample");
}

TEST_CASE("what was analysed is told by the options before version 3", "[archive]") {
  struct Case {
    std::string options;
    std::string format;
    AnalysisKind kind;
    std::string base_path;
  };
  const std::vector<Case> cases{
      {R"({"mode": "corrected", "team_size": 0, "layers": []})", "safetensors",
       AnalysisKind::weights, ""},
      {R"({"mode": "corrected", "team_size": 0, "base": "/m/a \\ \"b\"", "layers": []})",
       "safetensors", AnalysisKind::difference, R"(/m/a \ "b")"},
      {R"({"mode": "corrected", "with_base": "llama", "layers": []})", "lora",
       AnalysisKind::adapter_on_base, "llama"},
      {R"({"mode": "corrected", "layers": []})", "lora", AnalysisKind::adapter, ""},
      // A pattern that looks like the option, and an object that is cut short.
      {R"({"mode": "corrected", "layers": [", \"base\": \"x\""]})", "safetensors",
       AnalysisKind::weights, ""},
      {R"({"mode": "corrected", "base": "/m/a)", "safetensors", AnalysisKind::difference, "/m/a"}};
  for (const Case& one : cases) {
    CAPTURE(one.options);
    const Written written;
    {
      const ArchiveEditor editor(written.path);
      editor.make_version_2();
      for (const char* name : {"analysis", "base_path", "base_identity"}) {
        editor.remove_attribute(name);
      }
      editor.set_text_attribute("options", one.options);
      editor.set_text_attribute("format", one.format);
    }
    const Provenance read = read_provenance(written.path);
    CHECK(read.analysis == one.kind);
    CHECK(read.base_path == one.base_path);
    CHECK(read.base_identity.empty());
  }
}

TEST_CASE("a kind of analysis that no version writes is refused", "[archive]") {
  const Written written;
  ArchiveEditor(written.path).set_text_attribute("analysis", "magic");
  CHECK(written.error() ==
        written.refusal("attribute analysis: expected weights, difference, adapter or "
                        "adapter-on-base, found 'magic'. The archive was changed: scan the "
                        "checkpoint again"));
}

TEST_CASE("an archive of a newer schema is refused", "[archive]") {
  const Written written;
  ArchiveEditor(written.path).set_integer_attribute("schema_version", 7);
  const std::string text =
      written.refusal("schema version 7, this program reads up to " +
                      std::to_string(kSchemaVersion) + ". Use a newer wishart");
  CHECK(written.error() == text);
  CHECK(error_of([&] { (void)read_provenance(written.path); }) == text);
}

TEST_CASE("an archive without a schema version or of another kind is refused", "[archive]") {
  const Written written;
  const std::string text =
      written.refusal("has no schema version. The archive was changed: scan the checkpoint again");
  ArchiveEditor(written.path).set_integer_attribute("schema_version", 0);
  CHECK(written.error() == text);
  ArchiveEditor(written.path).remove_attribute("schema_version");
  CHECK(written.error() == text);
  ArchiveEditor(written.path).set_text_attribute("wishart", "index");
  CHECK(written.error() ==
        written.refusal("is a wishart file of kind 'index', expected 'checkpoint'"));
  ArchiveEditor(written.path).remove_attribute("wishart");
  CHECK(written.error() == written.refusal("is an HDF5 file, but not a wishart archive"));
}

TEST_CASE("attributes of another type are refused", "[archive]") {
  const Written written;
  ArchiveEditor(written.path).set_integer_attribute("mode", 1);
  CHECK(written.error() ==
        written.refusal("attribute mode: has the wrong type, expected one text of fixed length, "
                        "found 1 times an integer of 8 bytes"));
}

TEST_CASE("a missing dataset is named", "[archive]") {
  const std::string path = GENERATE("layers", "skipped", "summary", "files", "spectra",
                                    "spectra/sigma", "spectra/offset", "spectra/view_offset");
  const Written written;
  ArchiveEditor(written.path).remove(path.c_str());
  const std::string named = path == "spectra" ? "spectra/sigma" : path;
  CHECK(written.error() ==
        written.refusal("/" + named +
                        ": is missing. The archive was changed or is incomplete: scan the "
                        "checkpoint again"));
}

TEST_CASE("datasets of another form are refused", "[archive]") {
  const Written written;
  const auto replaced = [&](const char* path, const std::vector<hsize_t>& extents,
                            const std::vector<std::int64_t>& values) {
    const Written fresh;
    ArchiveEditor(fresh.path).replace_by_integers(path, extents, values);
    const std::string text = fresh.error();
    const std::string prefix = fresh.refusal("");
    return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
  };
  CHECK(replaced("layers", {1}, {5}) == "/layers: is not a table of named columns");
  CHECK(replaced("layers", {1, 2}, {5, 6}) == "/layers: has 2 dimensions, expected 1");
  CHECK(replaced("spectra/sigma", {2}, {5, 6}) ==
        "/spectra/sigma: has elements of the wrong type, expected floating-point number, found an "
        "integer of 8 bytes");
  // The sample has 3, 0 and 5 singular values, and 1, 0 and 3 views.
  CHECK(replaced("spectra/offset", {3}, {0, 3, 8}) ==
        "/spectra/offset: has 3 offsets for 3 layers, expected one more than the number of layers");
  CHECK(replaced("spectra/offset", {4}, {0, 5, 3, 8}) ==
        "/spectra/offset: decreases from 5 to 3 after layer 1");
  CHECK(replaced("spectra/offset", {4}, {0, 3, 3, 9}) ==
        "/spectra/offset: runs from 0 to 9, expected 0 to 8");
  CHECK(replaced("spectra/offset", {4}, {-1, 3, 3, 8}) ==
        "/spectra/offset: runs from -1 to 8, expected 0 to 8");
  CHECK(replaced("spectra/view_offset", {4}, {0, 1, 1, 5}) ==
        "/spectra/view_offset: runs from 0 to 5, expected 0 to 4");
  CHECK(replaced("spectra/view_rank_loss", {3}, {0, 0, 0}) ==
        "/spectra/view_offset: runs from 0 to 4, expected 0 to 3");
}

TEST_CASE("declared sizes without the data are refused before anything is allocated", "[archive]") {
  const auto declared = [](hsize_t extent) {
    const Written written;
    ArchiveEditor(written.path).replace_by_integers("spectra/offset", {extent}, {});
    const std::string text = written.error();
    return text.substr(text.find("/spectra"));
  };
  CHECK(declared(1'000'000'000) ==
        "/spectra/offset: declares 8000000000 bytes, but stores only 0. The archive is incomplete");
  CHECK(declared(1ULL << 40U) ==
        "/spectra/offset: declares 1099511627776 elements of 8 bytes, expected at most 64.0 GiB");
}

TEST_CASE("chunks that are not there are not read as zeros", "[archive]") {
  const auto partial = [](hsize_t extent, hsize_t chunk) {
    const Written written;
    ArchiveEditor(written.path).replace_by_first_chunk("spectra/offset", extent, chunk);
    const std::string text = written.error();
    return text.substr(text.find("/spectra"));
  };
  CHECK(partial(4, 2) == "/spectra/offset: has 1 chunks, expected 2. The archive is incomplete");
  // No deflated data are 10000 times smaller than what they stand for.
  CHECK(
      partial(10'000'000, 1'000) ==
      "/spectra/offset: declares 80000000 bytes, but stores only 8000. The archive is incomplete");
}

TEST_CASE("a column of another type is refused by name", "[archive]") {
  const Written written;
  {
    const ArchiveEditor editor(written.path);
    editor.remove("skipped");
    const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(type, "tensor", 0, H5T_NATIVE_DOUBLE);
    const hsize_t extent = 1;
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    const hid_t dataset =
        H5Dcreate2(editor.file(), "skipped", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const double value = 1;
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
  }
  CHECK(written.error() ==
        written.refusal(
            "/skipped: column tensor has the wrong type, expected a text of fixed length, found a "
            "floating-point number of 8 bytes"));
}
