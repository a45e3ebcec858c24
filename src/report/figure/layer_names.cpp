#include "figure/layer_names.hpp"

#include <algorithm>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {
namespace {

bool is_number(const std::string& word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

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
