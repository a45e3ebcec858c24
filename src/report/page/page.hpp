#pragma once

/// @file
/// Internal: a page in text, Markdown or HTML, or what is brief of it.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "wishart/analysis/verdict.hpp"
#include "wishart/report/report.hpp"
#include "wishart/report/text_table.hpp"

#include "figure/figure.hpp"
#include "page/html.hpp"

namespace wishart::report {

inline constexpr std::size_t kNameWidth = 44;  ///< width of a name in a table

/// A highlighted number, its meaning, and how it has changed (`+0.03 since checkpoint-9000`; empty
/// if that is not known).
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

  /// The first title is that of the document. A later one begins another part of it.
  void title(const std::string& text);
  /// The sentence, with a word for its level, and the reasons as a list. In HTML each links to the
  /// first of its figures that the page has, or else to its section.
  void verdict(const analysis::Verdict& verdict);
  /// In HTML, its anchor is the text in lower case behind `sec-`, with hyphens in place of what is
  /// neither letter nor digit; `-2`, `-3`, ... follow if it occurs again.
  void heading(const std::string& text);
  /// A line of a list.
  void line(const std::string& text);
  void paragraph(const std::string& text);
  /// @param max_cell  the most characters of a cell, in text only
  void table(const TextTable& table, std::size_t max_cell = kNameWidth);
  /// The table of all layers. In HTML its rows have the anchors `layer-K`, where K is from
  /// `row_layers`; other tables and figures link to them. Of a long table only the first rows and
  /// those that are linked to are in the HTML; the script of the page shows all.
  void layer_table(const TextTable& table);
  void gap();

  [[nodiscard]] bool html() const noexcept { return style_.format == ReportFormat::html; }
  /// The numbers that matter most, the first three of them also in a brief. Those that are not
  /// known (`-`) are left out.
  void cards(std::vector<Card> cards);
  /// Figures side by side. In HTML only.
  void figures(const std::vector<Figure>& figures);
  /// The numbers of the layers, from which the script of the page filters and shows single layers
  /// (layer_data.hpp). In HTML only, once a page.
  void layer_data(std::string json);

  /// The whole page.
  [[nodiscard]] std::string take();

private:
  [[nodiscard]] bool markdown() const noexcept { return style_.format == ReportFormat::markdown; }
  [[nodiscard]] bool brief() const noexcept { return style_.format == ReportFormat::brief; }
  [[nodiscard]] std::string brief_text() const;

  ReportStyle style_;
  std::string first_title_;
  std::string text_;
  std::int64_t parts_ = 0;  ///< titles so far
  std::string heading_;     ///< the last one: the name of what is below it
  HtmlIds ids_;
  std::vector<MenuEntry> menu_;
  std::set<std::int64_t> linked_;  ///< layers whose rows other tables link to
  std::string layer_data_;
  /// Reasons that become a list at a place of `text_` once all figures are known.
  struct Reasons {
    std::size_t place = 0;
    std::vector<analysis::Reason> reasons;
  };
  std::vector<Reasons> reasons_;
  std::set<std::string> drawn_;  ///< ids of figures
  analysis::Verdict first_verdict_;
  std::vector<Card> first_cards_;
  bool narrowed_ = false;  ///< a table left out columns
};

}  // namespace wishart::report
