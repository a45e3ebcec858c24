#pragma once

/// @file
/// A table of texts, and its rendering as plain text, Markdown or CSV.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::report {

/// How the cells of a column become narrower where there is little room.
enum class Narrows : std::uint8_t {
  never,
  name,   ///< shortened so that layers can still be told apart
  words,  ///< wrapped
};

struct TextTable {
  std::vector<std::string> header;
  std::vector<bool> right_aligned;  ///< for each column
  std::vector<std::vector<std::string>> rows;
  /// For each row the index of the layer in its record that it is about, -1 for none. Empty if no
  /// row is about a layer. Only HTML uses it.
  std::vector<std::int64_t> row_layers = {};
  /// For each column what its head means, in a few words; may be empty. HTML shows it on hover.
  std::vector<std::string> explained = {};
  /// For each column; empty: all alike. Where there is little room, the least important columns are
  /// left out first, but none from kStays on.
  std::vector<int> importance = {};
  std::vector<Narrows> narrows = {};  ///< for each column; empty: never
  /// By the head of a column, the column of the same layers' data in a page that says the same:
  /// HTML does not write it twice. An unknown number is `-` here and null there.
  std::map<std::string, std::string> layer_columns = {};
};

inline constexpr int kStays = 100;

/// A column of a table that is built by add_column.
struct Column {
  std::string head;
  std::string explained = {};
  int importance = kStays;
  bool right_aligned = true;
  Narrows narrows = Narrows::never;
};

/// Columns of numbers, of names of layers and checkpoints, of words and sentences.
[[nodiscard]] Column number_column(const std::string& head, int importance,
                                   const std::string& explained);
[[nodiscard]] Column name_column(const std::string& head, const std::string& explained = "");
[[nodiscard]] Column words_column(const std::string& head, int importance,
                                  const std::string& explained = "");

[[nodiscard]] TextTable table_of(const std::vector<Column>& columns);
/// Removes a column from the head and from every row.
void erase_column(TextTable& table, std::size_t column);

/// Plain text with columns two spaces apart, aligned by code points. Cells are made safe for a
/// terminal, and shortened in the middle if they are longer than `max_cell` code points.
[[nodiscard]] std::string render_text(const TextTable& table, std::size_t max_cell = 60);

/// A table in lines of at most `width` code points.
struct FittedTable {
  std::string text;
  std::vector<std::string> left_out;  ///< heads of the columns that did not fit
};
[[nodiscard]] FittedTable fitted_text(const TextTable& table, std::size_t width,
                                      std::size_t max_cell = 60);

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
