#pragma once

/// @file
/// What the names of a file may take.

#include <cstdint>
#include <string>
#include <string_view>

#include "wishart/core/error.hpp"

namespace wishart::checkpoint {

/// Thrown if a file describes more text than any checkpoint needs.
class TooMuchText : public Error {
public:
  explicit TooMuchText(const std::string& text) : Error(Blame::input, text) {}
};

/// Joins the keys that a file nests to names, and bounds what they take together.
///
/// A long key over many others, or one that many places refer to, is joined or copied for each of
/// them: without a bound, a file of a megabyte makes names of gigabytes.
class NameBudget {
public:
  /// As an archive (docs/decisions/069-names-are-checked-first.md).
  static constexpr std::int64_t kMaxNameBytes = std::int64_t{1} << 20;
  /// Names of all tensors: 64 MiB, and 16 for each byte of the file, which describes a tensor in
  /// some tens of bytes; at most 1 GiB.
  static constexpr std::int64_t kFreeBytes = std::int64_t{64} << 20;
  static constexpr std::int64_t kFactor = 16;
  static constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

  /// @param size_bytes  of the text that describes the names
  NameBudget(std::string place, std::int64_t size_bytes, char between = '.');

  /// `outer.inner`; `inner` if there is nothing outside.
  /// @throws TooMuchText, beginning with the place, as do all functions here
  [[nodiscard]] std::string joined(std::string_view outer, std::string_view inner);
  /// Takes a name of this size.
  void take_name(std::size_t name_bytes);
  /// Takes other work or memory that grows with what the file describes.
  void take(std::size_t bytes);

private:
  std::string place_;
  std::int64_t size_bytes_;
  std::int64_t limit_bytes_;
  std::int64_t left_bytes_;
  char between_;
};

}  // namespace wishart::checkpoint
