/// @file
/// What is written is read back, and the same record gives the same bytes.

#include <cmath>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "wishart/archive/archive.hpp"

#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;
using test::sample_record;

namespace {

CheckpointRecord round_trip(const CheckpointRecord& record) {
  const test::TempFolder folder;
  return read_archive(write_archive(folder.path(), record));
}

/// The bytes of a file. Comparisons stand in parentheses, so that no failure prints them.
std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("names that cannot be stored are refused before anything is computed", "[archive]") {
  const auto text_of = [](const std::vector<Matrix>& matrices,
                          const std::vector<SkippedRow>& skipped) -> std::string {
    try {
      archive::check_names_fit("a/m.h5", matrices, skipped);
    } catch (const Error& error) {
      CHECK(error.blame() == Blame::input);
      return error.what();
    }
    return {};
  };
  Matrix matrix;
  matrix.key = matrix.tensor.name = std::string(1 << 20U, 'n');
  CHECK(text_of({matrix}, {}).empty());
  std::vector<Matrix> many(2729);
  many.front() = matrix;
  CHECK(text_of(many, {}).empty());
  many.emplace_back();
  many.emplace_back();
  CHECK(text_of(many, {}) ==
        "a/m.h5: /layers: each of its 2731 rows has room for the longest names, 3145728 bytes, "
        "which makes 8.0 GiB, expected at most 8.0 GiB. Leave out the tensors with long names with "
        "--layers");
  SkippedRow row;
  row.tensor = std::string((1 << 20U) + 1, 'n');
  CHECK(text_of({}, {row}) ==
        "a/m.h5: /skipped: a name of 1048577 bytes, expected at most 1048576. Leave its tensor out "
        "with --layers");
}

TEST_CASE("a record comes back with every column, NaN, infinities and UTF-8", "[archive]") {
  const CheckpointRecord record = sample_record(7);
  const CheckpointRecord read = round_trip(record);
  CHECK(test::difference(read, record) == "");
  CHECK(std::signbit(read.layers[0].norm));
  CHECK(std::isnan(read.provenance.training.eval_loss));
}

TEST_CASE("a record without rows comes back", "[archive]") {
  CheckpointRecord record;
  record.provenance.checkpoint_id = "empty";
  CHECK(test::difference(round_trip(record), record) == "");
}

TEST_CASE("the default of every column comes back", "[archive]") {
  CheckpointRecord record = sample_record(0);
  record.layers.resize(2);
  record.spectra.resize(2);
  record.skipped.resize(1);
  record.traps.resize(1);
  record.summary.resize(1);
  record.files.resize(1);
  CHECK(test::difference(round_trip(record), record) == "");
}

TEST_CASE("a thousand layers, over many chunks, come back", "[archive]") {
  CheckpointRecord record = sample_record(1000);
  record.layers[500].warning = std::string(3000, 'w');  // every row gets wider: fewer to a chunk
  record.spectra[10].sigma.resize(100'000);
  for (std::size_t i = 0; i < 100'000; ++i) record.spectra[10].sigma[i] = static_cast<double>(i);
  CHECK(test::difference(round_trip(record), record) == "");
}

TEST_CASE("a text longer than a chunk comes back", "[archive]") {
  CheckpointRecord record = sample_record(3);
  record.layers[1].aliases = std::string(1U << 20U, 'a');
  CHECK(test::difference(round_trip(record), record) == "");
}

TEST_CASE("without random orders there is no table of traps, without traps an empty one",
          "[archive]") {
  const test::TempFolder folder;
  CheckpointRecord record = sample_record(2);
  record.traps.clear();
  for (const std::int64_t left_out : {-1, 0}) {
    for (LayerRow& row : record.layers) row.weights.traps_left_out = left_out;
    const std::filesystem::path path = write_archive(folder.path(), record);
    const bool there = content(path).find("/traps\n") != std::string::npos;
    CHECK(there == (left_out == 0));
    CHECK(test::difference(read_archive(path), record) == "");
  }
}

TEST_CASE("spectra are left out on request", "[archive]") {
  const test::TempFolder folder;
  CheckpointRecord record = sample_record(4);
  const std::filesystem::path path = write_archive(folder.path(), record);
  record.spectra.clear();
  CHECK(test::difference(read_archive(path, Parts::without_spectra), record) == "");
  CHECK(test::difference(read_provenance(path), record.provenance) == "");
}

TEST_CASE("the singular values of chosen layers are read, those of others are not", "[archive]") {
  const test::TempFolder folder;
  const CheckpointRecord record = sample_record(7);
  const std::filesystem::path path = write_archive(folder.path(), record);
  for (const std::vector<std::size_t>& chosen :
       std::vector<std::vector<std::size_t>>{{}, {0}, {6}, {5, 2, 2}, {0, 1, 2, 3, 4, 5, 6}}) {
    CheckpointRecord expected = record;
    expected.spectra.assign(7, {});
    for (const std::size_t i : chosen) expected.spectra[i].sigma = record.spectra[i].sigma;
    const CheckpointRecord read = read_archive(path, [&](const std::vector<LayerRow>& layers) {
      CHECK(layers.size() == 7);
      return chosen;
    });
    CHECK(test::difference(read, expected) == "");
  }
}

TEST_CASE("texts that are not UTF-8 or hold zeros are stored with escapes", "[archive]") {
  CheckpointRecord record = sample_record(1);
  record.layers[0].name = std::string("a\0b", 3);
  record.layers[0].longname = "caf\xE9";
  record.layers[0].warning = "line\nbreak";
  record.provenance.checkpoint_path = "/data/\xFF";
  const CheckpointRecord read = round_trip(record);
  CHECK(read.layers[0].name == "a\\x00b");
  CHECK(read.layers[0].longname == "caf\\xe9");
  CHECK(read.layers[0].warning == "line\nbreak");
  CHECK(read.provenance.checkpoint_path == "/data/\\xff");
}

TEST_CASE("the same record gives the same bytes at another time", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), sample_record(20));
  const std::string first = content(path);
  ::sleep(1);  // time stamps in HDF5 objects count seconds
  write_archive(folder.path(), sample_record(20));
  CHECK(first.size() > 1000);
  CHECK((content(path) == first));
}

TEST_CASE("long options come back, longer ones are refused", "[archive]") {
  CheckpointRecord record = sample_record(1);
  record.provenance.options = std::string(60'000, 'o');
  CHECK(test::difference(round_trip(record), record) == "");
  record.provenance.options += 'o';
  const test::TempFolder folder;
  CHECK(error_of([&] { write_archive(folder.path(), record); }) ==
        "3: " + (folder / "sample.h5").string() +
            ": attribute options: a text of 60001 bytes, expected at most 60000");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a text that no column takes is refused by name", "[archive]") {
  CheckpointRecord record = sample_record(2);
  record.layers[1].key = std::string((1U << 20U) + 1, 'k');
  const test::TempFolder folder;
  CHECK(error_of([&] { write_archive(folder.path(), record); }) ==
        "3: " + (folder / "sample.h5").string() +
            ": /layers: column key: a text of 1048577 bytes, expected at most 1048576");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("records that do not fit together are a defect of the caller", "[archive]") {
  const test::TempFolder folder;
  CheckpointRecord record = sample_record(2);
  record.spectra.pop_back();
  CHECK(error_of([&] { write_archive(folder.path(), record); }) ==
        "70: write_archive needs one spectrum for each layer. This is a bug in wishart");
  record = sample_record(2);
  record.spectra[0].view_rank_loss.pop_back();
  CHECK(error_of([&] { write_archive(folder.path(), record); }) ==
        "70: write_archive needs the same number of views in all parts of a spectrum. This is a "
        "bug in wishart");
  for (const char* id : {"", ".hidden", "a/b", "..", "index", "a b", "größe", "a\n"}) {
    CAPTURE(id);
    record = sample_record(2, id);
    CHECK(error_of([&] { write_archive(folder.path(), record); }) ==
          "70: write_archive needs a checkpoint id that is_checkpoint_id accepts. This is a bug in "
          "wishart");
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}
