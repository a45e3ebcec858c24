#pragma once

/// @file
/// Object headers of HDF5: the messages of a group or a dataset.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/file.hpp"

#include "bytes/zip_directory.hpp"

namespace wishart::checkpoint {

/// Bytes of an HDF5 file by address. Addresses and lengths must have 8 bytes, as they have had for
/// decades; other files are refused.
class Hdf5Bytes {
public:
  Hdf5Bytes(const InputFile& file, ByteRange slice, std::string place);

  /// The offset that addresses are relative to.
  void set_base(std::uint64_t base);
  [[nodiscard]] std::int64_t size_bytes() const noexcept { return slice_.size_bytes; }
  /// `count` bytes at an address.
  /// @throws Error with Blame::input if they are outside the file; so do all functions here
  [[nodiscard]] std::string read(std::uint64_t address, std::uint64_t count);
  /// The offset of `count` bytes at an address from the start of the file.
  [[nodiscard]] std::int64_t offset_of(std::uint64_t address, std::uint64_t count) const;
  [[nodiscard]] const std::string& hash() const noexcept { return hash_; }
  [[noreturn]] void fail(const std::string& what) const;

private:
  const InputFile* file_;
  ByteRange slice_;
  std::string place_;
  std::int64_t base_ = 0;
  std::int64_t read_bytes_ = 0;
  std::string hash_;
};

/// A sequence of numbers. Reading past the end is refused.
class Hdf5Fields {
public:
  Hdf5Fields(std::string_view bytes, const Hdf5Bytes& file) : rest_(bytes), file_(&file) {}

  /// The next number of 1 to 8 bytes, little-endian.
  [[nodiscard]] std::uint64_t number(std::size_t bytes);
  [[nodiscard]] std::string_view text(std::uint64_t bytes);
  void skip(std::uint64_t bytes) { static_cast<void>(text(bytes)); }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

private:
  std::string_view rest_;
  const Hdf5Bytes* file_;
};

struct Hdf5Message {
  std::uint64_t type = 0;
  std::string data;
  std::int64_t offset_bytes = 0;  ///< of the data, from the start of the file
};

/// The messages of an object header of version 1 or 2, its continuations included.
[[nodiscard]] std::vector<Hdf5Message> hdf5_messages(Hdf5Bytes& file, std::uint64_t address);

}  // namespace wishart::checkpoint
