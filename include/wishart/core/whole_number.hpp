#pragma once

/// @file
/// Numbers in texts that others wrote.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wishart {

/// The number that the whole text is; nothing if it is none, negative, or beyond 64 bits.
[[nodiscard]] inline std::optional<std::int64_t> whole_number(std::string_view text) noexcept {
  std::int64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data(), last, value);
  if (text.empty() || status != std::errc{} || end != last || value < 0) return std::nullopt;
  return value;
}

}  // namespace wishart
