#include "wishart/report/text_table.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "wishart/core/text.hpp"
#include "wishart/report/sentence_table.hpp"

#include "text/escape.hpp"
#include "text/names.hpp"

namespace wishart::report {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The first `count` code points.
std::string_view head(std::string_view text, std::size_t count) {
  std::size_t i = 0;
  while (i < text.size() && count > 0) {
    ++i;
    while (i < text.size() && is_continuation(text[i])) ++i;
    --count;
  }
  return text.substr(0, i);
}

/// The last `count` code points.
std::string_view tail(std::string_view text, std::size_t count) {
  std::size_t i = text.size();
  while (i > 0 && count > 0) {
    --i;
    while (i > 0 && is_continuation(text[i])) --i;
    --count;
  }
  return text.substr(i);
}

/// Names have no spaces.
std::string shortened_cell(const std::string& cell, std::size_t max) {
  return cell.find(' ') == std::string::npos ? shortened_name(cell, max) : shortened(cell, max);
}

/// The most bytes of a sentence.
constexpr std::size_t kMaxSentence = 2000;

void append_padded(std::string& line, const std::string& cell, std::size_t width, bool right) {
  const std::string padding(width - width_of(cell), ' ');
  line += right ? padding + cell : cell + padding;
}

}  // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string shortened(const std::string& text, std::size_t max) {
  if (width_of(text) <= max) return text;
  const std::size_t front = (max - 1) / 3;
  return std::string(head(text, front)) + "\xE2\x80\xA6" + std::string(tail(text, max - 1 - front));
}

Column number_column(const std::string& head, int importance, const std::string& explained) {
  return {head, explained, importance, true, Narrows::never};
}

Column name_column(const std::string& head, const std::string& explained) {
  return {head, explained, kStays, false, Narrows::name};
}

Column words_column(const std::string& head, int importance, const std::string& explained) {
  return {head, explained, importance, false, Narrows::words};
}

TextTable table_of(const std::vector<Column>& columns) {
  TextTable table;
  for (const Column& column : columns) {
    table.header.push_back(column.head);
    table.right_aligned.push_back(column.right_aligned);
    table.explained.push_back(column.explained);
    table.importance.push_back(column.importance);
    table.narrows.push_back(column.narrows);
  }
  return table;
}

void erase_column(TextTable& table, std::size_t column) {
  const auto erase = [&](auto& values) {
    if (!values.empty()) values.erase(values.begin() + static_cast<std::ptrdiff_t>(column));
  };
  erase(table.header);
  erase(table.right_aligned);
  erase(table.explained);
  erase(table.importance);
  erase(table.narrows);
  for (auto& row : table.rows) erase(row);
}

namespace {

/// Lines of cells, the first of which is the head.
std::string aligned(const std::vector<std::vector<std::string>>& cells,
                    const std::vector<bool>& right_aligned, std::size_t max_rule) {
  std::vector<std::size_t> widths(cells.front().size(), 0);
  for (const auto& row : cells) {
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], width_of(row[k]));
  }
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string line;
    for (std::size_t k = 0; k < cells[i].size(); ++k) {
      if (k > 0) line += "  ";
      append_padded(line, cells[i][k], widths[k], right_aligned[k]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
    if (i == 0) {
      std::string rule;
      for (std::size_t k = 0; k < widths.size(); ++k) {
        rule += (k > 0 ? "  " : "") + std::string(std::min(widths[k], max_rule), '-');
      }
      text += rule + '\n';
    }
  }
  return text;
}

}  // namespace

std::string render_text(const TextTable& table, std::size_t max_cell) {
  std::vector<std::vector<std::string>> cells{table.header};
  for (const auto& row : table.rows) {
    auto& line = cells.emplace_back();
    for (const std::string& cell : row) line.push_back(shortened_cell(printable(cell), max_cell));
  }
  return aligned(cells, table.right_aligned, std::string::npos);
}

std::string render_with_sentences(const TextTable& table) {
  constexpr std::size_t kMaxCell = 60;
  std::vector<std::vector<std::string>> cells{table.header};
  for (const auto& row : table.rows) {
    auto& line = cells.emplace_back();
    for (const std::string& cell : row) {
      const bool last = line.size() + 1 == table.header.size();
      line.push_back(last ? printable(cell, kMaxSentence)
                          : shortened_cell(printable(cell), kMaxCell));
    }
  }
  return aligned(cells, table.right_aligned, kMaxCell);
}

std::string markdown_cell(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '|':
      case '\\':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '~':
      case '!':
      case '#':
        out += '\\';
        out += c;
        break;
      default:
        append_unmarked(out, c);
    }
  }
  return out;
}

std::string render_markdown(const TextTable& table) {
  std::string text = "|";
  for (const std::string& name : table.header) text += ' ' + name + " |";
  text += "\n|";
  for (const bool right : table.right_aligned) text += right ? "---:|" : "---|";
  text += '\n';
  for (const auto& row : table.rows) {
    text += '|';
    for (const std::string& cell : row) text += ' ' + markdown_cell(cell) + " |";
    text += '\n';
  }
  return text;
}

namespace {

/// True if a spreadsheet may take the text for a formula: also behind white space, and by the wide
/// forms of the signs (U+FF1D, U+FF0B, U+FF0D, U+FF20). And if it begins with an apostrophe, so
/// that taking away the first one always gives the text back.
bool may_be_run(std::string_view text) {
  constexpr std::array<std::string_view, 12> kBeginnings{"=",
                                                         "+",
                                                         "-",
                                                         "@",
                                                         "\t",
                                                         "\r",
                                                         "\n",
                                                         "'",
                                                         "\xEF\xBC\x9D",
                                                         "\xEF\xBC\x8B",
                                                         "\xEF\xBC\x8D",
                                                         "\xEF\xBC\xA0"};
  return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](std::string_view one) { return text.starts_with(one); });
}

}  // namespace

std::string csv_cell(const std::string& text) {
  std::string cell = text;
  if (may_be_run(cell)) cell.insert(cell.begin(), '\'');
  // Semicolons and tabs too: where they separate cells, what follows one would begin a cell.
  if (cell.find_first_of(",;\t\"\n\r") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string render_csv(const TextTable& table) {
  std::string text;
  const auto append = [&](const std::vector<std::string>& row) {
    for (std::size_t k = 0; k < row.size(); ++k) text += (k > 0 ? "," : "") + csv_cell(row[k]);
    text += '\n';
  };
  append(table.header);
  for (const auto& row : table.rows) append(row);
  return text;
}

}  // namespace wishart::report
