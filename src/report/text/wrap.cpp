#include "text/wrap.hpp"

#include <algorithm>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {
namespace {

/// Wraps below this width would hold hardly a word: indents are given up before.
constexpr std::size_t kLeastWidth = 20;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The number of bytes of the first `count` code points.
std::size_t bytes_of(std::string_view text, std::size_t count) {
  std::size_t i = 0;
  while (i < text.size() && count > 0) {
    ++i;
    while (i < text.size() && is_continuation(text[i])) ++i;
    --count;
  }
  return i;
}

/// The number of bytes of a word, longer than a line, that come into a line of `room` code points:
/// up to behind a point or slash in its second half, so that a name breaks at its points and no
/// line begins with the comma behind it; else as many as there is room for.
std::size_t bytes_of_name(std::string_view word, std::size_t room) {
  const std::size_t most = bytes_of(word, room);
  const std::size_t end = word.substr(0, most).find_last_of("./");
  return end != std::string_view::npos && end + 1 > most / 2 ? end + 1 : most;
}

/// The next word with the spaces before it: up to a space or behind a semicolon.
std::string_view next_word(std::string_view text) {
  std::size_t i = std::min(text.find_first_not_of(' '), text.size());
  while (i < text.size() && text[i] != ' ') {
    if (text[i++] == ';') break;
  }
  return text.substr(0, i);
}

}  // namespace

std::vector<std::string> wrapped(const std::string& text, std::size_t width, std::size_t first) {
  require(width >= 2 && first != 1, "lines of text have at least 2 characters");
  std::vector<std::string> lines(1);
  const auto room = [&] { return lines.size() == 1 && first > 0 ? first : width; };
  std::string_view left(text);
  std::size_t used = 0;  // of the last line
  while (!left.empty()) {
    std::string_view word = next_word(left);
    left.remove_prefix(word.size());
    if (used + width_of(word) <= room()) {
      lines.back() += word;
      used += width_of(word);
      continue;
    }
    word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
    if (used > 0) lines.emplace_back(), used = 0;
    while (width_of(word) > room()) {
      const std::size_t bytes = bytes_of_name(word, room());
      lines.back() += word.substr(0, bytes);
      word.remove_prefix(bytes);
      lines.emplace_back();
    }
    lines.back() += word;
    used = width_of(word);
  }
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  if (lines.size() > 1 && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string paragraph_text(const std::string& text, std::size_t width, std::size_t indent,
                           std::size_t hanging) {
  if (width == 0) return std::string(indent, ' ') + text + '\n';
  if (hanging + kLeastWidth > width) hanging = 0;
  if (indent + kLeastWidth > width) indent = 0;
  std::string out;
  for (const std::string& line : wrapped(text, width - hanging, width - indent)) {
    out += std::string(out.empty() ? indent : hanging, ' ') + line + '\n';
  }
  return out;
}

}  // namespace wishart::report
