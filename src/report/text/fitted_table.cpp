/// @file
/// Tables in lines of a certain width.

#include <algorithm>
#include <numeric>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "text/names.hpp"
#include "text/wrap.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kGap = 2;         ///< between columns
constexpr std::size_t kLeastName = 28;  ///< `….60.mlp.down_proj.weight`
constexpr std::size_t kLeastWords = 16;
constexpr std::size_t kLeast = 8;  ///< of a column that cannot be left out

using Cells = std::vector<std::vector<std::string>>;

Narrows narrows(const TextTable& table, std::size_t column) {
  return table.narrows.empty() ? Narrows::never : table.narrows[column];
}

int importance(const TextTable& table, std::size_t column) {
  return table.importance.empty() ? 0 : table.importance[column];
}

/// The cells of all rows as they are shown if there is room.
Cells shown_cells(const TextTable& table, std::size_t max_cell) {
  Cells cells;
  cells.reserve(table.rows.size());
  for (const auto& row : table.rows) {
    auto& line = cells.emplace_back();
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::string text = printable(row[k]);
      line.push_back(narrows(table, k) == Narrows::name    ? shortened_name(text, max_cell)
                     : narrows(table, k) == Narrows::words ? text
                                                           : shortened(text, max_cell));
    }
  }
  return cells;
}

/// Which columns are shown, and how wide.
class Layout {
public:
  Layout(const TextTable& table, const Cells& cells, std::size_t width)
      : table_(table), natural_(table.header.size()), least_(table.header.size()) {
    for (std::size_t k = 0; k < table.header.size(); ++k) {
      const std::size_t head = width_of(table.header[k]);
      natural_[k] = head;
      for (const auto& row : cells) natural_[k] = std::max(natural_[k], width_of(row[k]));
      const std::size_t least = narrows(table, k) == Narrows::name    ? kLeastName
                                : narrows(table, k) == Narrows::words ? kLeastWords
                                                                      : natural_[k];
      least_[k] = std::min(natural_[k], std::max(head, least));
    }
    columns.resize(table.header.size());
    std::iota(columns.begin(), columns.end(), std::size_t{0});
    while (total(least_) > width && leave_out_one()) {
    }
    while (total(least_) > width && squeeze()) {
    }
    widths = least_;
    spread(width);
  }

  std::vector<std::size_t> columns;
  std::vector<std::size_t> widths;  ///< of all columns

private:
  [[nodiscard]] std::size_t total(const std::vector<std::size_t>& widths_of) const {
    std::size_t sum = columns.empty() ? 0 : kGap * (columns.size() - 1);
    for (const std::size_t k : columns) sum += widths_of[k];
    return sum;
  }

  /// The least important column; of several the last.
  bool leave_out_one() {
    auto chosen = columns.end();
    for (auto k = columns.begin(); k != columns.end(); ++k) {
      if (importance(table_, *k) >= kStays || columns.size() == 1) continue;
      if (chosen == columns.end() || importance(table_, *k) <= importance(table_, *chosen)) {
        chosen = k;
      }
    }
    if (chosen == columns.end()) return false;
    columns.erase(chosen);
    return true;
  }

  /// Takes one character from the widest column.
  bool squeeze() {
    const auto widest =
        std::max_element(columns.begin(), columns.end(),
                         [&](std::size_t a, std::size_t b) { return least_[a] < least_[b]; });
    if (widest == columns.end() || least_[*widest] <= kLeast) return false;
    --least_[*widest];
    return true;
  }

  /// Gives what is left to names, then to words.
  void spread(std::size_t width) {
    for (const Narrows kind : {Narrows::name, Narrows::words}) {
      for (const std::size_t k : columns) {
        if (narrows(table_, k) != kind) continue;
        const std::size_t used = total(widths);
        if (used >= width) return;
        widths[k] = std::min(natural_[k], widths[k] + (width - used));
      }
    }
  }

  const TextTable& table_;
  std::vector<std::size_t> natural_;
  std::vector<std::size_t> least_;
};

/// A cell in lines of the width of its column.
std::vector<std::string> lines_of(const TextTable& table, std::size_t column,
                                  const std::string& cell, std::size_t width) {
  if (width_of(cell) <= width) return {cell};
  if (narrows(table, column) == Narrows::words) return wrapped(cell, width);
  if (narrows(table, column) == Narrows::name) return {shortened_name(cell, width)};
  return {shortened(cell, width)};
}

void append_row(std::string& text, const TextTable& table, const Layout& layout,
                const std::vector<std::string>& row) {
  std::vector<std::vector<std::string>> cells;
  std::size_t height = 1;
  for (const std::size_t k : layout.columns) {
    cells.push_back(lines_of(table, k, row[k], layout.widths[k]));
    height = std::max(height, cells.back().size());
  }
  for (std::size_t i = 0; i < height; ++i) {
    std::string line;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::size_t k = layout.columns[c];
      const std::string cell = i < cells[c].size() ? cells[c][i] : "";
      const std::string padding(layout.widths[k] - width_of(cell), ' ');
      line += (c > 0 ? std::string(kGap, ' ') : "") +
              (table.right_aligned[k] ? padding + cell : cell + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
}

}  // namespace

FittedTable fitted_text(const TextTable& table, std::size_t width, std::size_t max_cell) {
  if (width == 0) return {render_text(table, max_cell), {}};
  const Cells cells = shown_cells(table, max_cell);
  const Layout layout(table, cells, width);
  FittedTable fitted;
  append_row(fitted.text, table, layout, table.header);
  std::string rule;
  for (const std::size_t k : layout.columns) {
    rule += (rule.empty() ? "" : std::string(kGap, ' ')) + std::string(layout.widths[k], '-');
  }
  fitted.text += rule + '\n';
  for (const auto& row : cells) append_row(fitted.text, table, layout, row);
  for (std::size_t k = 0; k < table.header.size(); ++k) {
    if (std::find(layout.columns.begin(), layout.columns.end(), k) != layout.columns.end())
      continue;
    fitted.left_out.push_back(table.header[k]);
  }
  return fitted;
}

}  // namespace wishart::report
