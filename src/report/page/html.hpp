#pragma once

/// @file
/// Internal: the parts of a self-contained HTML page. Everything in it can be read without scripts,
/// which only add to it (script/).

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "wishart/report/text_table.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// Rows of a table in the HTML. More are for the script.
inline constexpr std::size_t kMostHtmlRows = 300;

/// The anchors of a page.
class HtmlIds {
public:
  /// `prefix` and the text in lower case, with a hyphen in place of each run of characters that are
  /// neither ASCII letters nor digits; `-2`, `-3`, ... follow if that is taken.
  std::string take(const std::string& prefix, const std::string& text);

private:
  std::map<std::string, std::int64_t> taken_;
};

/// An entry of the menu: a heading and its anchor.
struct MenuEntry {
  std::string id;
  std::string text;
  bool part = false;  ///< the title of a part, whose sections follow
};

/// Escaped text in which a line may break behind the points and slashes of names.
[[nodiscard]] std::string html_name(const std::string& text);

/// A figure with its caption and legend.
[[nodiscard]] std::string html_figure(const Figure& figure);

/// Figures side by side. Those of a group follow each other; all but the first are folded away, and
/// the script makes them a choice of one.
[[nodiscard]] std::string html_figures(const std::vector<Figure>& figures);

struct TableNames {
  std::string id;     ///< the anchor of the table
  std::string label;  ///< what it is called in words
};

/// A table whose rows about a layer link to the row of that layer in the layer table. Tables with
/// more than kMostHtmlRows rows show the first ones; all cells follow as JSON for the script.
[[nodiscard]] std::string html_table(const TextTable& table, const TableNames& names);

/// The table to which the others link.
/// @param linked  layers whose rows must be in the HTML
[[nodiscard]] std::string html_layer_table(const TextTable& table, const TableNames& names,
                                           const std::set<std::int64_t>& linked);

/// A complete document around `body`, which is HTML, with a menu. Its Content-Security-Policy
/// allows only its own style and script, by their hashes, so nothing is loaded from elsewhere.
/// @param data  JSON for the script, with `<` escaped; may be empty
[[nodiscard]] std::string html_document(const std::string& title,
                                        const std::vector<MenuEntry>& menu, const std::string& body,
                                        const std::string& data);

}  // namespace wishart::report
