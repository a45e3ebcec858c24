#include "text/names.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {
namespace {

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

bool has_digit(const std::string& part) { return std::any_of(part.begin(), part.end(), is_digit); }

/// The parts with points between them; neighbours that are left out share one ellipsis.
std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  bool after_gap = false;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const bool gap = parts[k] == kEllipsis;
    if (gap && after_gap) continue;
    text += (k > 0 ? "." : "") + parts[k];
    after_gap = gap;
  }
  return text;
}

}  // namespace

std::string shortened_name(const std::string& name, std::size_t max) {
  if (width_of(name) <= max) return name;
  std::vector<std::string> parts = split(name, '.');
  std::string text = name;
  for (std::size_t k = 0; k + 1 < parts.size() && width_of(text) > max; ++k) {
    if (has_digit(parts[k])) continue;
    parts[k] = kEllipsis;
    text = joined(parts);
  }
  return shortened(text, max);
}

std::string brief_name(const std::string& key, std::size_t max) {
  std::vector<std::string> words = split(printable(key), '.');
  const auto length = [&] { return width_of(join(words, ".")); };
  if (words.size() > 1 && (words.back() == "weight" || words.back() == "kernel")) words.pop_back();
  // First the words before the first number: they are the same for the whole model.
  const bool numbered = std::any_of(words.begin(), words.end(), is_number);
  while (numbered && length() > max && words.size() > 1 && !is_number(words.front())) {
    words.erase(words.begin());
  }
  // Then words in the middle that no number follows, and at last the words before a number.
  for (const bool before_numbers : {false, true}) {
    for (std::size_t i = 1; i + 1 < words.size() && length() > max;) {
      const bool names_number = is_number(words[i + 1]);
      if (is_number(words[i]) || names_number != before_numbers) {
        ++i;
      } else {
        words.erase(words.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }
  return shortened(join(words, "."), max);
}

}  // namespace wishart::report
