#pragma once

/// @file
/// Internal: the numbers in dotted names.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace wishart::analysis {

/// The number that a word is; nothing if it is none.
inline std::optional<std::int64_t> number_of_word(std::string_view word) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < 0) return {};
  return value;
}

}  // namespace wishart::analysis
