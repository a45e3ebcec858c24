#pragma once

/// @file
/// Inside of the module: a page of text or Markdown, and how it writes numbers.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {

inline constexpr std::size_t kNameWidth = 44;  ///< of a name in a table

/// The pieces of a report in one of its two forms for people.
class Page {
public:
  explicit Page(bool markdown) : markdown_(markdown) {}

  void title(const std::string& text) {
    if (markdown_) {
      text_ += "# " + markdown_cell(text) + "\n\n";
    } else {
      const std::string shown = printable(text);
      text_ += shown + "\n" + std::string(shown.size(), '=') + "\n\n";
    }
  }
  void heading(const std::string& text) {
    text_ += markdown_ ? "## " + markdown_cell(text) + "\n\n"
                       : text + "\n" + std::string(text.size(), '-') + "\n\n";
  }
  void line(const std::string& text) {
    text_ += markdown_ ? "- " + markdown_cell(text) + "\n" : "  " + printable(text, 2000) + "\n";
  }
  void paragraph(const std::string& text) {
    text_ += (markdown_ ? markdown_cell(text) : printable(text, 2000)) + "\n\n";
  }
  void table(const TextTable& table, std::size_t max_cell = kNameWidth) {
    text_ += (markdown_ ? render_markdown(table) : render_text(table, max_cell)) + "\n";
  }
  void gap() { text_ += "\n"; }
  [[nodiscard]] std::string take() { return std::move(text_); }

private:
  bool markdown_;
  std::string text_;
};

inline std::string number(double value, int digits = 4) {
  return std::isnan(value) ? "-" : rounded(value, digits);
}

inline std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return number(value);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

inline std::string plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace wishart::report
