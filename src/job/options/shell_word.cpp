#include "options/shell_word.hpp"

#include <algorithm>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

namespace wishart::job {
namespace {

constexpr std::size_t kMostChars = 4096;  // a path

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
         std::string_view("_-./:,+@%=").find(c) != std::string_view::npos;
}

}  // namespace

std::string shell_argument(std::string_view word) {
  if (printable(word, kMostChars) == word) return shell_word(word);
  // Bash's quotes for what cannot be printed; also where the word is too long to be told.
  std::string quoted = "$'";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      quoted += c;
    } else {
      constexpr std::string_view kDigits = "0123456789abcdef";
      quoted += "\\x";
      quoted += kDigits[byte >> 4U];
      quoted += kDigits[byte & 15U];
    }
  }
  return quoted + "'";
}

std::string shell_word(std::string_view word) {
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
