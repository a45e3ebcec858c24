#pragma once

/// @file
/// A table of texts, rendered for people or for programs.

#include <string>
#include <string_view>
#include <vector>

namespace wishart::report {

struct TextTable {
  std::vector<std::string> header;
  std::vector<bool> right_aligned;  ///< for each column
  std::vector<std::vector<std::string>> rows;
};

/// Columns two spaces apart, aligned by code points; cells are made safe for a terminal, and cut in
/// the middle where they are longer than `max_cell` code points.
[[nodiscard]] std::string render_text(const TextTable& table, std::size_t max_cell = 60);
/// A GitHub-flavoured Markdown table. No cell can break out of it: `markdown_cell`.
[[nodiscard]] std::string render_markdown(const TextTable& table);
/// RFC 4180, `\n` line ends: `csv_cell`.
[[nodiscard]] std::string render_csv(const TextTable& table);

/// One CSV cell: quoted where RFC 4180 asks for it; a text that a spreadsheet would take for a
/// formula keeps its first character behind an apostrophe.
[[nodiscard]] std::string csv_cell(const std::string& text);
/// Text for a Markdown table: printable, and everything with a meaning in Markdown or HTML escaped.
[[nodiscard]] std::string markdown_cell(const std::string& text);
/// Code points of well-formed UTF-8: what a text takes on a line.
[[nodiscard]] std::size_t width_of(std::string_view text);
/// At most `max` code points: the middle is replaced by an ellipsis.
[[nodiscard]] std::string shortened(const std::string& text, std::size_t max);

}  // namespace wishart::report
