#include "wishart/record/step_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "wishart/core/words.hpp"

namespace wishart {
namespace {

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

/// A word with its number at the start of a text.
struct Numbered {
  std::int64_t number = -1;
  std::string_view word;
  std::size_t length = 0;  ///< of both
};

/// The step if `text` begins with one of the words for it.
std::optional<Numbered> step_at(std::string_view text) {
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
    if (step && !changed) return Numbered{*step, word, text.size() - rest.size()};
  }
  return std::nullopt;
}

/// The value of `3896B` at the start of `text`: K, M, B and T are powers of 1000.
std::optional<Numbered> tokens_at(std::string_view text) {
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
  return Numbered{std::llround(tokens), {}, static_cast<std::size_t>(end - text.data()) + 1};
}

/// The stage if `text` begins with it.
std::optional<Numbered> stage_at(std::string_view text) {
  constexpr std::string_view kWord = "stage";
  if (!text.starts_with(kWord)) return std::nullopt;
  std::string_view rest = text.substr(kWord.size());
  const std::optional<std::int64_t> stage = take_integer(rest);
  if (!stage) return std::nullopt;
  return Numbered{*stage, kWord, text.size() - rest.size()};
}

}  // namespace

StepName parse_step_name(std::string_view name) {
  StepName found;
  found.rest = name;
  const auto take = [&](std::int64_t& number, const std::optional<Numbered>& there,
                        std::size_t begin, std::size_t end) {
    if (number >= 0 || !there) return false;
    number = there->number;
    // What is taken leaves a separator, so that its neighbours stay apart.
    std::fill(found.rest.begin() + static_cast<std::ptrdiff_t>(begin),
              found.rest.begin() + static_cast<std::ptrdiff_t>(end), '-');
    return true;
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = name.substr(i);
    const bool at_start = i == 0 || is_separator(name[i - 1]) || name[i - 1] == '/';
    if (at_start) {
      const std::optional<Numbered> step = step_at(rest);
      if (take(found.step, step, i, i + (step ? step->length : 0))) found.word = step->word;
    }
    const std::optional<Numbered> stage = stage_at(rest);
    take(found.stage, stage, i, i + (stage ? stage->length : 0));
    constexpr std::string_view kTokens = "tokens";
    if (rest.starts_with(kTokens)) {
      const std::optional<Numbered> tokens = tokens_at(rest.substr(kTokens.size()));
      take(found.tokens, tokens, i, i + (tokens ? kTokens.size() + tokens->length : 0));
    }
  }
  return found;
}

}  // namespace wishart
