#include "options/shell_word.hpp"

#include <algorithm>

#include "wishart/core/text.hpp"

namespace wishart::job {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:,+@%=").find(c) != std::string_view::npos;
}

}  // namespace

std::string shell_word(std::string_view word) {
  constexpr std::size_t kMostChars = 4096;  // a path
  std::string text = printable(word, kMostChars);
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace wishart::job
