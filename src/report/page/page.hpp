#pragma once

/// @file
/// Internal: a page in text, Markdown or HTML, or what is brief of it.

#include <string>
#include <vector>

#include "wishart/analysis/verdict.hpp"
#include "wishart/report/report.hpp"
#include "wishart/report/text_table.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

inline constexpr std::size_t kNameWidth = 44;  ///< width of a name in a table

/// A highlighted number and its meaning.
struct Card {
  std::string value;
  std::string meaning;
  std::string change = {};  ///< since another checkpoint: `+0.03 since step-100`; may be empty
};

/// Builds a report in text, Markdown or HTML. Texts may be untrusted.
class Page {
public:
  /// @pre the format is not json
  explicit Page(ReportStyle style);

  void title(const std::string& text);
  /// The sentence, with a word for its level, and the reasons as a list. In HTML each links to
  /// where the page shows it.
  void verdict(const analysis::Verdict& verdict);
  void heading(const std::string& text);
  /// A line of a list.
  void line(const std::string& text);
  void paragraph(const std::string& text);
  /// @param max_cell  the most characters of a cell, in text only
  void table(const TextTable& table, std::size_t max_cell = kNameWidth);
  void gap();

  [[nodiscard]] bool html() const noexcept { return style_.format == ReportFormat::html; }
  /// The numbers that matter most, the first three of them also in a brief.
  void cards(const std::vector<Card>& cards);
  /// Figures side by side. In HTML only.
  void figures(const std::vector<Figure>& figures);

  /// The whole page.
  [[nodiscard]] std::string take();

private:
  [[nodiscard]] bool markdown() const noexcept { return style_.format == ReportFormat::markdown; }
  [[nodiscard]] bool brief() const noexcept { return style_.format == ReportFormat::brief; }
  [[nodiscard]] std::string brief_text() const;

  ReportStyle style_;
  std::string first_title_;
  std::string text_;
  analysis::Verdict first_verdict_;
  std::vector<Card> first_cards_;
  bool narrowed_ = false;  ///< a table left out columns
};

}  // namespace wishart::report
