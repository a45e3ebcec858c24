#include "text/escape.hpp"

#include "wishart/core/text.hpp"

namespace wishart::report {

void append_unmarked(std::string& out, char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    default:
      out += c;
  }
}

std::string html_text(const std::string& text, std::size_t max_chars) {
  std::string out;
  for (const char c : printable(text, max_chars)) {
    switch (c) {
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        append_unmarked(out, c);
    }
  }
  return out;
}

}  // namespace wishart::report
