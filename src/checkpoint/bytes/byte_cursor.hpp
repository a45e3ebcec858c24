#pragma once

/// @file
/// Reads a file from front to back, a piece at a time, and checks every length against the bytes
/// left.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/file.hpp"

namespace wishart::checkpoint {

/// Reads little-endian numbers and strings of a header whose length is not known in advance. It
/// needs memory for one piece and the requested string.
class ByteCursor {
public:
  static constexpr std::int64_t kPieceBytes = std::int64_t{1} << 20;
  static_assert(std::endian::native == std::endian::little);

  /// Messages begin with `place`.
  ByteCursor(const InputFile& file, std::string place);

  [[nodiscard]] std::int64_t position() const noexcept { return piece_begin_ + at_; }
  [[nodiscard]] std::int64_t left() const noexcept { return size_bytes_ - position(); }

  /// The next bytes as a number.
  /// @throws Error with Blame::input, naming `what`, if the file ends first; so do all functions
  /// here
  template <class T>
  [[nodiscard]] T number(std::string_view what) {
    T value;
    take(reinterpret_cast<char*>(&value), sizeof(T), what);
    return value;
  }
  /// The next `bytes` bytes.
  [[nodiscard]] std::string text(std::int64_t bytes, std::string_view what);
  void skip(std::int64_t bytes, std::string_view what);
  /// Throws unless `bytes` bytes are left. Unsigned, because counts in files may exceed int64_t.
  void need(std::uint64_t bytes, std::string_view what) const;

  /// XXH3-128 of everything read or skipped so far.
  [[nodiscard]] std::string hash() const;

  [[noreturn]] void fail(const std::string& what) const;

private:
  void take(char* out, std::int64_t bytes, std::string_view what);
  void refill();

  const InputFile& file_;
  std::string place_;
  std::int64_t size_bytes_;
  std::vector<char> piece_;
  std::int64_t piece_begin_ = 0;
  std::int64_t at_ = 0;
  std::string hashes_;  // of the earlier pieces
};

}  // namespace wishart::checkpoint
