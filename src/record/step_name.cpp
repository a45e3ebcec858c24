#include "wishart/record/step_name.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace wishart {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_separator(char c) noexcept { return c == '-' || c == '_' || c == '='; }

/// Takes the integer at the start of `text` and advances `text` past it.
std::optional<std::int64_t> take_integer(std::string_view& text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// The step if `text` begins with one of the words for it.
std::optional<std::int64_t> step_at(std::string_view text) {
  constexpr std::array<std::string_view, 6> kWords{"step",  "iter",        "checkpoint",
                                                   "batch", "global_step", "ba"};
  for (const std::string_view word : kWords) {
    if (!text.starts_with(word)) continue;
    std::string_view rest = text.substr(word.size());
    if (!rest.empty() && is_separator(rest.front())) rest.remove_prefix(1);
    const std::optional<std::int64_t> step = take_integer(rest);
    const bool changed =
        !rest.empty() &&
        (is_letter(rest.front()) || (rest.front() == '.' && rest.size() > 1 && is_digit(rest[1])));
    if (step && !changed) return step;
  }
  return std::nullopt;
}

/// The value of `3896B` at the start of `text`: K, M, B and T are powers of 1000.
std::optional<std::int64_t> tokens_at(std::string_view text) {
  double value = 0;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (status != std::errc{} || end == text.data() + text.size()) return std::nullopt;
  constexpr std::string_view kUnits = "KMBT";
  const std::size_t unit = kUnits.find(*end);
  if (unit == std::string_view::npos) return std::nullopt;
  const double tokens = value * std::pow(1000.0, static_cast<double>(unit + 1));
  if (!(tokens < 9.0e18)) return std::nullopt;
  return std::llround(tokens);
}

}  // namespace

StepName parse_step_name(std::string_view name) {
  StepName found;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = name.substr(i);
    const bool at_start = i == 0 || is_separator(name[i - 1]) || name[i - 1] == '/';
    if (at_start && found.step < 0) found.step = step_at(rest).value_or(-1);
    if (found.stage < 0 && rest.starts_with("stage")) {
      std::string_view number = rest.substr(5);
      found.stage = take_integer(number).value_or(-1);
    }
    if (found.tokens < 0 && rest.starts_with("tokens")) {
      found.tokens = tokens_at(rest.substr(6)).value_or(-1);
    }
  }
  return found;
}

}  // namespace wishart
