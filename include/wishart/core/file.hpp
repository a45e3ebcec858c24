#pragma once

/// @file
/// A file opened for reading by position, and its identity.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "wishart/core/descriptor.hpp"

namespace wishart {

/// A read-only file descriptor that closes itself.
///
/// Reading is by position (`pread`), so one object serves several threads.
class InputFile {
public:
  /// @throws Error if there is no such regular file that may be read, else SystemFailure
  explicit InputFile(const std::filesystem::path& path);

  /// Fills `out` from `offset_bytes`.
  /// @throws Error with Blame::input if the file ends too early, SystemFailure on a read error
  void read(std::int64_t offset_bytes, std::span<std::byte> out) const;

  /// The current size in bytes and modification time in nanoseconds since 1970.
  [[nodiscard]] std::int64_t size_bytes() const;
  [[nodiscard]] std::int64_t mtime_ns() const;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// For functions that take one; it stays this object's.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

/// The whole of a small text file.
/// @throws Error with Blame::input if it cannot be read or is larger than `max_bytes`
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::int64_t max_bytes);

}  // namespace wishart
