#pragma once

/// @file
/// Changes to archives that wishart itself never makes, through HDF5's own interface.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <hdf5.h>

namespace wishart::test {

/// An archive opened for editing; closed on destruction.
class ArchiveEditor {
public:
  explicit ArchiveEditor(const std::filesystem::path& path)
      : file_(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)) {
    REQUIRE(file_ >= 0);
  }
  ~ArchiveEditor() { H5Fclose(file_); }
  ArchiveEditor(const ArchiveEditor&) = delete;
  ArchiveEditor& operator=(const ArchiveEditor&) = delete;

  [[nodiscard]] hid_t file() const { return file_; }

  void remove(const char* path) const { REQUIRE(H5Ldelete(file_, path, H5P_DEFAULT) >= 0); }
  void remove_attribute(const char* name) const { REQUIRE(H5Adelete(file_, name) >= 0); }

  /// Makes it a file from before a file held the hashes of its content.
  void make_version_2() const {
    remove_attribute("content_hashes");
    remove("hashes");
    set_integer_attribute("schema_version", 2);
  }

  /// Sets one number of a table of named columns.
  void set_cell(const char* table, const char* column, hsize_t row, double value) const {
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(value));
    H5Tinsert(type, column, 0, H5T_NATIVE_DOUBLE);
    set_element(table, type, row, value);
    H5Tclose(type);
  }
  /// Sets one number of a series.
  void set_number(const char* series, hsize_t index, double value) const {
    set_element(series, H5T_NATIVE_DOUBLE, index, value);
  }

  void set_integer_attribute(const char* name, std::int64_t value) const {
    if (H5Aexists(file_, name) > 0) remove_attribute(name);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file_, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(H5Awrite(attribute, H5T_NATIVE_INT64, &value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
  }

  void set_text_attribute(const char* name, const std::string& value) const {
    if (H5Aexists(file_, name) > 0) remove_attribute(name);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, value.size());
    const hid_t attribute = H5Acreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(H5Awrite(attribute, type, value.data()) >= 0);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
  }

  /// Replaces a dataset by plain contiguous integers of the given extents.
  void replace_by_integers(const char* path, const std::vector<hsize_t>& extents,
                           const std::vector<std::int64_t>& values) const {
    remove(path);
    const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
    const hid_t dataset =
        H5Dcreate2(file_, path, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(dataset >= 0);
    if (!values.empty()) {
      REQUIRE(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >=
              0);
    }
    H5Dclose(dataset);
    H5Sclose(space);
  }

  /// Replaces a dataset by chunked integers of which only the first chunk is there.
  void replace_by_first_chunk(const char* path, hsize_t extent, hsize_t chunk) const {
    remove(path);
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    const hid_t memory = H5Screate_simple(1, &chunk, nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    const hid_t dataset =
        H5Dcreate2(file_, path, H5T_STD_I64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    REQUIRE(dataset >= 0);
    const hsize_t start = 0;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &chunk, nullptr);
    const std::vector<std::int64_t> values(chunk);
    REQUIRE(H5Dwrite(dataset, H5T_NATIVE_INT64, memory, space, H5P_DEFAULT, values.data()) >= 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(memory);
    H5Sclose(space);
  }

private:
  void set_element(const char* path, hid_t type, hsize_t index, double value) const {
    const hid_t dataset = H5Dopen2(file_, path, H5P_DEFAULT);
    const hid_t stored = H5Dget_space(dataset);
    const hsize_t one = 1;
    const hid_t memory = H5Screate_simple(1, &one, nullptr);
    H5Sselect_hyperslab(stored, H5S_SELECT_SET, &index, nullptr, &one, nullptr);
    REQUIRE(H5Dwrite(dataset, type, memory, stored, H5P_DEFAULT, &value) >= 0);
    H5Sclose(memory);
    H5Sclose(stored);
    H5Dclose(dataset);
  }

  hid_t file_;
};

/// Where the first chunk of a dataset lies in the file.
struct ChunkPlace {
  std::int64_t offset_bytes = 0;
  std::int64_t size_bytes = 0;
};

inline ChunkPlace first_chunk(const std::filesystem::path& path, const char* name) {
  const ArchiveEditor editor(path);
  const hid_t dataset = H5Dopen2(editor.file(), name, H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  hsize_t first = 0;
  unsigned mask = 0;
  haddr_t address = 0;
  hsize_t size = 0;
  REQUIRE(H5Dget_chunk_info(dataset, space, 0, &first, &mask, &address, &size) >= 0);
  H5Sclose(space);
  H5Dclose(dataset);
  return {static_cast<std::int64_t>(address), static_cast<std::int64_t>(size)};
}

/// Tests that try every byte of a file try one in so many under sanitizers, which slow them thirty
/// times. No power of two, so that all bits and all places of a record get their turn.
#ifdef WISHART_SANITIZED
inline constexpr std::int64_t kByteStep = 29;
#else
inline constexpr std::int64_t kByteStep = 1;
#endif

/// Inverts bits of one byte of a file.
inline void flip_byte(const std::filesystem::path& path, std::int64_t offset_bytes,
                      unsigned bits = 0xFF) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset_bytes);
  const int byte = file.get();
  REQUIRE(byte >= 0);
  file.seekp(offset_bytes);
  file.put(static_cast<char>(static_cast<unsigned>(byte) ^ bits));
}

}  // namespace wishart::test
