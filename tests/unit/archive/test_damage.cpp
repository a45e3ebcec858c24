/// @file
/// Damaged and foreign files are refused, by file and dataset.

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;

namespace {

std::string read_error(const std::filesystem::path& path) {
  return error_of([&] { (void)read_archive(path); });
}

constexpr const char* kAdvice =
    ". The file is damaged: restore it, or delete it and scan the checkpoint again";

}  // namespace

TEST_CASE("a flipped byte in the data of any dataset is found by its checksum", "[archive]") {
  const std::string dataset =
      GENERATE("layers", "traps", "skipped", "summary", "files", "spectra/sigma", "spectra/offset",
               "spectra/view_sigma_min", "spectra/view_sigma_max", "spectra/view_rank_loss",
               "spectra/view_offset");
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sample_record(6));
  const test::ChunkPlace chunk = test::first_chunk(path, dataset.c_str());
  CAPTURE(dataset, chunk.size_bytes);
  for (const std::int64_t at : {std::int64_t{0}, chunk.size_bytes / 2, chunk.size_bytes - 1}) {
    test::flip_byte(path, chunk.offset_bytes + at, 0x10);
    CHECK(read_error(path) == "3: " + path.string() + ": /" + dataset +
                                  ": cannot be read: data error detected by Fletcher32 checksum" +
                                  kAdvice);
    test::flip_byte(path, chunk.offset_bytes + at, 0x10);
  }
  CHECK(read_error(path) == "no error");
}

TEST_CASE("a flipped byte anywhere is refused, or changes nothing", "[archive]") {
  const test::TempFolder folder;
  const CheckpointRecord record = test::sample_record(2);
  const std::filesystem::path path = write_archive(folder.path(), record);
  const std::string expected = test::dump(record);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  int refused = 0;
  int tried = 0;
  for (std::int64_t at = 0; at < size; at += 3) {
    test::flip_byte(path, at);
    ++tried;
    try {
      if (test::dump(read_archive(path)) != expected) FAIL("byte " << at << " gave another record");
    } catch (const Error& error) {
      ++refused;
      if (error.blame() != Blame::input) FAIL("byte " << at << ": " << error.what());
    }
    test::flip_byte(path, at);
  }
  CAPTURE(size, tried);
  CHECK(refused > tried / 2);  // the rest is space that HDF5 keeps free
}

TEST_CASE("a flipped byte in long options is found by a checksum", "[archive]") {
  const test::TempFolder folder;
  CheckpointRecord record = test::sample_record(1);
  record.provenance.options = std::string(50'000, 'o');
  const std::filesystem::path path = write_archive(folder.path(), record);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const std::size_t at = bytes.find("oooooooo");
  REQUIRE(at != std::string::npos);
  for (const std::size_t offset : {at, at + 25'000, at + 49'999}) {
    test::flip_byte(path, static_cast<std::int64_t>(offset));
    CHECK(read_error(path) ==
          "3: " + path.string() +
              ": attribute wishart: cannot be read: incorrect metadata checksum " +
              "after all read attempts" + kAdvice);
    test::flip_byte(path, static_cast<std::int64_t>(offset));
  }
}

TEST_CASE("an archive cut short at any length is refused", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sample_record(2));
  // Without the seal, which only `verify` looks at: all that is read is there before it.
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path)) - 46;
  const std::filesystem::path copy = folder / "copy.h5";
  for (std::int64_t length = 0; length < size; length += length < 1000 ? 7 : 101) {
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(copy, static_cast<std::uintmax_t>(length));
    const std::string text = read_error(copy);
    if (text.rfind("3: " + copy.string() + ": ", 0) != 0) FAIL("length " << length << ": " << text);
  }
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size - 1));
  CHECK(read_error(path) ==
        "3: " + path.string() +
            ": cannot be read: truncated file: eof = " + std::to_string(size - 1) +
            ", sblock->base_addr = 0, stored_eof = " + std::to_string(size) + kAdvice);
}

TEST_CASE("files that are no archives are told apart", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path text = folder.write("text.h5", "spectra");
  CHECK(read_error(text) ==
        "3: " + text.string() + ": is not an HDF5 file, so not a wishart archive");
  CHECK(error_of([&] { (void)read_provenance(text); }) == read_error(text));
  const std::filesystem::path empty = folder.write("empty.h5", "");
  CHECK(read_error(empty) ==
        "3: " + empty.string() + ": is not an HDF5 file, so not a wishart archive");
  const std::filesystem::path missing = folder / "missing.h5";
  CHECK(read_error(missing) ==
        "3: " + missing.string() + ": cannot be opened: No such file or directory");
  CHECK(read_error(folder.path()) ==
        "3: " + folder.path().string() + ": expected a regular file, found something else");
  const std::filesystem::path foreign = folder / "foreign.h5";
  H5Fclose(H5Fcreate(foreign.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  CHECK(read_error(foreign) ==
        "3: " + foreign.string() + ": is an HDF5 file, but not a wishart archive");
}

TEST_CASE("an error of the system is told without HDF5's addresses and times", "[archive]") {
  // A regular file by its type whose first page cannot be read.
  // It may be whole, so nobody is told to delete it.
  CHECK(read_error("/proc/self/mem") == "3: /proc/self/mem: cannot be read: Input/output error");
}

TEST_CASE("no object of HDF5 stays open, also after failures", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sample_record(2));
  (void)read_archive(path);
  (void)read_provenance(path);
  for (const char* dataset : {"layers", "spectra/sigma", "spectra/view_offset"}) {
    const std::int64_t at = test::first_chunk(path, dataset).offset_bytes;
    test::flip_byte(path, at);
    CHECK(read_error(path) != "no error");
    test::flip_byte(path, at);
  }
  test::flip_byte(path, 60);
  CHECK(read_error(path) != "no error");
  CheckpointRecord refused = test::sample_record(2);
  refused.layers[0].key = std::string((1U << 20U) + 1, 'k');
  CHECK(error_of([&] { write_archive(folder.path(), refused); }) != "no error");
  refused.provenance.options = std::string(100'000, 'o');
  CHECK(error_of([&] { write_archive(folder.path(), refused); }) != "no error");
  CHECK(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
}

TEST_CASE("reading prints nothing and leaves HDF5's error printing as it was", "[archive]") {
  H5E_auto2_t before = nullptr;
  H5E_auto2_t after = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &before, &data);
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sample_record(1));
  std::filesystem::resize_file(path, 200);
  CHECK(read_error(path) != "no error");
  H5Eget_auto2(H5E_DEFAULT, &after, &data);
  CHECK(before == after);
}
