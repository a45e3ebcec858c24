#pragma once

/// @file
/// Internal: a page in text, Markdown or HTML, and its format of numbers.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/report/report.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {

inline constexpr std::size_t kNameWidth = 44;  ///< width of a name in a table

/// A highlighted number and its meaning.
struct Card {
  std::string value;
  std::string meaning;
};

/// Builds a report in text, Markdown or HTML. Texts may be untrusted.
class Page {
public:
  /// @pre format is not json
  explicit Page(ReportFormat format);

  void title(const std::string& text);
  void heading(const std::string& text);
  /// A line of a list.
  void line(const std::string& text);
  void paragraph(const std::string& text);
  /// @param max_cell  the most characters of a cell, in text only
  void table(const TextTable& table, std::size_t max_cell = kNameWidth);
  void gap();

  [[nodiscard]] bool html() const noexcept { return format_ == ReportFormat::html; }
  /// In HTML only; the other formats have the same content in sentences and tables.
  void cards(const std::vector<Card>& cards);
  /// Figures side by side, as HTML from Plot::figure. In HTML only.
  void figures(const std::vector<std::string>& figures);

  /// The whole page.
  [[nodiscard]] std::string take();

private:
  ReportFormat format_;
  std::string first_title_;
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
