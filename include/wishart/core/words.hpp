#pragma once

/// @file
/// Small questions about words and characters. All of it is ASCII, whatever the locale.

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace wishart {

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// True for `0` and `17`; not for signs, points and the empty text.
[[nodiscard]] constexpr bool is_number(std::string_view word) noexcept {
  return !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
}

[[nodiscard]] constexpr bool is_one_of(std::string_view word,
                                       std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[nodiscard]] constexpr bool is_one_of(std::string_view word,
                                       std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[nodiscard]] constexpr bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

/// `text` with A to Z as small letters.
[[nodiscard]] inline std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace wishart
