#pragma once

/// @file
/// A table of texts, and its rendering as plain text, Markdown or CSV.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::report {

struct TextTable {
  std::vector<std::string> header;
  std::vector<bool> right_aligned;  ///< for each column
  std::vector<std::vector<std::string>> rows;
  /// For each row the index of the layer in its record that it is about, -1 for none. Empty if no
  /// row is about a layer. Only HTML uses it.
  std::vector<std::int64_t> row_layers = {};
};

/// Plain text with columns two spaces apart, aligned by code points. Cells are made safe for a
/// terminal, and shortened in the middle if they are longer than `max_cell` code points.
[[nodiscard]] std::string render_text(const TextTable& table, std::size_t max_cell = 60);
/// A GitHub-flavoured Markdown table. Cells are escaped by `markdown_cell`.
[[nodiscard]] std::string render_markdown(const TextTable& table);
/// CSV (RFC 4180) with `\n` line ends. Cells are written by `csv_cell`.
[[nodiscard]] std::string render_csv(const TextTable& table);

/// A CSV cell, quoted if RFC 4180 requires it. A text that a spreadsheet would take for a formula
/// gets an apostrophe in front.
[[nodiscard]] std::string csv_cell(const std::string& text);
/// Text for a Markdown table: printable, with everything escaped that has a meaning in Markdown or
/// HTML.
[[nodiscard]] std::string markdown_cell(const std::string& text);
/// The width of a text on a line: the number of code points of well-formed UTF-8.
[[nodiscard]] std::size_t width_of(std::string_view text);
/// Shortens a text to at most `max` code points, with an ellipsis in the middle.
[[nodiscard]] std::string shortened(const std::string& text, std::size_t max);

}  // namespace wishart::report
