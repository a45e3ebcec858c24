#include "integer/integer_gram.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

namespace wishart::spectrum {
namespace {

/// Elements of a tile of products: its columns are the held lines.
constexpr std::int64_t kTileSize = kMetLines * kHeldLines;
/// Columns of the Gram matrix that are fetched into the first-level cache ahead.
constexpr std::int64_t kColumnsAhead = 4;

/// Fetches elements into the cache: a column of a tile is too short for the processor to foresee
/// the next one.
void fetch(std::span<const double> gram, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t kLine = 8;
  for (std::int64_t i = begin; i < end; i += kLine) __builtin_prefetch(gram.data() + i, 1, 3);
}

/// Of a line.
std::int64_t derived_bytes(IntegerForm form, std::int64_t depth) {
  constexpr std::int64_t kAlign = 64;
  return (form.bytes - kept_bytes(form)) * rounded_up(depth, kAlign);
}

}  // namespace

IntegerGram::IntegerGram(std::int64_t lines, std::int64_t most_depth, IntegerForm form,
                         InstructionSet isa, std::unique_ptr<ByteProducts> products,
                         Workspace& workspace)
    : lines_(lines),
      form_(form),
      panel_(lines, most_depth, form, isa, workspace),
      combination_(form, isa),
      products_(std::move(products)),
      tiles_(workspace.take<std::int32_t>(form.bytes * kTileSize)),
      column_(workspace.take<double>(kHeldLines)),
      derived_rows_(workspace.take<std::int8_t>(kHeldLines * derived_bytes(form, most_depth))),
      derived_cols_(workspace.take<std::int8_t>(kMetLines * derived_bytes(form, most_depth))),
      row_sums_(workspace.take<double>(kTileSize)) {
  require(most_depth <= kIntegerDepth, "a panel is too deep for its integers");
}

std::span<const Apart> IntegerGram::apart_in(Block block) const {
  const auto before = [](const Apart& element, std::int64_t line) { return element.line < line; };
  const std::span<const Apart> all = panel_.apart();
  const auto begin = std::lower_bound(all.begin(), all.end(), block.begin, before);
  return {begin, std::lower_bound(begin, all.end(), block.end, before)};
}

/// The bytes of the lines of a block that are not kept.
void IntegerGram::derive(Block block, std::span<std::int8_t> out) const {
  if (form_.code != ByteCode::values) return;
  const std::int64_t stride = panel_.stride();
  const std::int64_t count = (block.end - block.begin) * stride;
  const std::array<const std::int8_t*, kKeptValues> kept{
      panel_.bytes(0, block.begin), panel_.bytes(1, block.begin), panel_.bytes(2, block.begin)};
  combination_.derive(kept, count, out.data(), out.data() + count);
}

/// The `byte`-th bytes of a block. Zeros at the end of a line are included.
ByteBlock IntegerGram::bytes(int byte, Block block, std::span<const std::int8_t> derived) const {
  const std::int64_t lines = block.end - block.begin;
  const std::int64_t stride = panel_.stride();
  const int kept = kept_bytes(form_);
  const std::int8_t* const at = byte < kept ? panel_.bytes(byte, block.begin)
                                            : derived.data() + (byte - kept) * lines * stride;
  return {at, lines, stride, stride};
}

void IntegerGram::hold(Block rows) {
  derive(rows, derived_rows_);
  for (int k = 0; k < form_.bytes; ++k) products_->hold(k, bytes(k, rows, derived_rows_));
}

/// Fetches what the elements apart of a block are multiplied with: X of `lines` at their places.
/// Where these are not neighbours, they are as many cache lines: fetching them did not pay.
void IntegerGram::fetch_partners(Block elements, const X& x, Block lines) {
  if (x.shape.line_stride != 1) return;
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(float));
  for (const Apart& element : apart_in(elements)) {
    ahead_.add(x.at(lines.begin, element.place), kBytes * (lines.end - lines.begin), 0, 1);
  }
}

/// The products of the lines of `cols` with `rows`, the held ones from the `held`-th on.
///
/// Meanwhile what is needed next is fetched: the elements to which these products are added, the
/// partners of elements apart, and the lines that follow.
void IntegerGram::multiply(Block rows, std::int64_t held, Block cols, const X& x, bool first,
                           std::span<const double> gram) {
  const std::int64_t stride = panel_.stride();
  ahead_.clear();
  if (!first) {
    constexpr auto kBytes = static_cast<std::int64_t>(sizeof(double));
    ahead_.add(gram.data() + rows.begin + cols.begin * lines_, kBytes * (rows.end - rows.begin),
               kBytes * lines_, cols.end - cols.begin);
  }
  fetch_partners(cols, x, rows);
  fetch_partners(rows, x, cols);
  const std::int64_t next = std::min(kMetLines, rows.end - cols.end);
  ahead_.add(panel_.bytes(0, cols.end), next * stride, lines_ * stride, kept_bytes(form_));
  ahead_.spread_over(form_.bytes * fetch_steps(rows.end - rows.begin, stride));
  derive(cols, derived_cols_);
  for (int k = 0; k < form_.bytes; ++k) {
    products_->multiply(k, bytes(k, cols, derived_cols_), held, tiles_.data() + k * kTileSize,
                        ahead_);
  }
}

/// For each line of `elements`, the products of its elements with X of the lines of `cols`.
void IntegerGram::sum_rows(std::span<const Apart> elements, Block rows, const X& x, Block cols) {
  row_lines_.clear();
  const std::int64_t width = cols.end - cols.begin;
  for (const Apart& element : elements) {
    const std::int64_t row = element.line - rows.begin;
    if (row_lines_.empty() || row_lines_.back() != row) {
      std::fill_n(row_sums_.data() + std::ssize(row_lines_) * width, width, 0.0);
      row_lines_.push_back(row);
    }
    combination_.add_multiple(static_cast<double>(element.value), x.at(cols.begin, element.place),
                              x.shape.line_stride, width,
                              row_sums_.data() + (std::ssize(row_lines_) - 1) * width);
  }
}

/// gram (+)= a tile, of whose rows and columns some have elements apart.
/// On the diagonal X is 0 where an element is apart, so that nothing is added twice.
void IntegerGram::add_tile(Block rows, Block cols, const X& x, bool first, std::span<double> gram) {
  const std::int64_t width = cols.end - cols.begin;
  const std::span<const double> units = panel_.units();
  std::span<const Apart> apart = apart_in(cols);
  for (std::int64_t j = cols.begin; j < cols.end; ++j) {
    if (!first && j + kColumnsAhead < cols.end) {
      fetch(gram, std::max(rows.begin, j) + (j + kColumnsAhead) * lines_,
            rows.end + (j + kColumnsAhead) * lines_);
    }
    const std::int64_t at = j - cols.begin;
    combination_.run({tiles_.data() + at * kHeldLines, kTileSize, units.data() + rows.begin,
                      units[static_cast<std::size_t>(j)], rows.end - rows.begin, column_.data()});
    for (; !apart.empty() && apart.front().line == j; apart = apart.subspan(1)) {
      combination_.add_multiple(static_cast<double>(apart.front().value),
                                x.at(rows.begin, apart.front().place), x.shape.line_stride,
                                rows.end - rows.begin, column_.data());
    }
    const double* sums = row_sums_.data() + at;
    for (const std::int64_t row : row_lines_) {
      column_[static_cast<std::size_t>(row)] += *sums;
      sums += width;
    }
    const std::int64_t from = std::max(rows.begin, j);
    const double* const column = column_.data() + (from - rows.begin);
    double* const out = gram.data() + from + j * lines_;
    if (first) {
      std::copy_n(column, rows.end - from, out);
    } else {
      combination_.add(column, rows.end - from, out);
    }
  }
}

/// Adds the products of elements apart with each other, R^T R.
void IntegerGram::add_pairs(std::span<double> gram) {
  by_place_.assign(panel_.apart().begin(), panel_.apart().end());
  std::sort(by_place_.begin(), by_place_.end(), [](const Apart& a, const Apart& b) {
    return a.place != b.place ? a.place < b.place : a.line < b.line;
  });
  for (auto i = by_place_.begin(); i != by_place_.end(); ++i) {
    for (auto j = i; j != by_place_.end() && j->place == i->place; ++j) {
      gram[static_cast<std::size_t>(j->line + i->line * lines_)] +=
          static_cast<double>(i->value) * static_cast<double>(j->value);
    }
  }
}

bool IntegerGram::add(std::span<float> panel, const PanelShape& shape, bool first,
                      std::span<double> gram) {
  if (!panel_.split(panel, shape)) return false;
  apart_ += std::ssize(panel_.apart());
  const X x{panel, shape};
  for (std::int64_t row = 0; row < lines_; row += kHeldLines) {
    const Block rows{row, std::min(row + kHeldLines, lines_)};
    hold(rows);
    for (std::int64_t col = 0; col < rows.end; col += kMetLines) {
      const Block cols{col, std::min(col + kMetLines, rows.end)};
      const Block below{std::max(row, col), rows.end};  // in the lower triangle
      multiply(below, below.begin - row, cols, x, first, gram);
      sum_rows(apart_in(below), below, x, cols);
      add_tile(below, cols, x, first, gram);
    }
  }
  add_pairs(gram);
  return true;
}

}  // namespace wishart::spectrum
