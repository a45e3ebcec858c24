#include "numbers/codes.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "numbers/block_sizes.hpp"
#include "numbers/code_words.hpp"
#include "numbers/decode_loops.hpp"
#include "numbers/encodings.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// Elements of a block that are decoded at a time, unless words run down columns: enough that the
/// calls to the system do not count, few enough that the codes stay in the second-level cache.
constexpr std::int64_t kPieceElements = std::int64_t{1} << 18;

/// What applies to groups: scales, zero points and offsets of a block, row-major by blocks of rows.
class Groups {
public:
  Groups(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
         std::int64_t expert, const Block& block)
      : layout_(layout) {
    first_ = block.col_begin / layout.block_cols;
    last_ = (block.col_end - 1) / layout.block_cols + 1;
    if (layout.group_of >= 0) {
      first_ = 0;
      last_ = layout.groups;
      find_groups(reader, tensor.parts[at(layout.group_of)], block);
    }
    row_first_ = block.row_begin / layout.block_rows;
    const Block grid{row_first_, (block.row_end - 1) / layout.block_rows + 1, first_, last_};
    factors(reader, tensor, expert, grid);
    if (layout.zero >= 0) zeros_ = zeros(reader, tensor.parts[at(layout.zero)], expert, grid);
    if (layout.offset >= 0) {
      offsets_ = on_grid(reader, tensor.parts[at(layout.offset)], expert, grid);
    }
  }

  /// True if values are codes times scales, and scales are those of neighbouring columns.
  [[nodiscard]] bool only_scales() const {
    return zeros_.empty() && offsets_.empty() && group_of_.empty();
  }

  /// Calls `run(begin, end, scale)` for columns [begin, end) with one scale of a row of `count`
  /// columns from `col_begin` on; begin and end count from there, `row` in the weight.
  /// @pre only_scales()
  template <class Run>
  void for_each_scale(std::int64_t row, std::int64_t col_begin, std::int64_t count,
                      Run&& run) const {
    const double* scale = scales_.data() + place_of(row);
    std::int64_t end = (col_begin / layout_.block_cols + 1) * layout_.block_cols - col_begin;
    for (std::int64_t j = 0; j < count; end += layout_.block_cols) {
      end = std::min(end, count);
      run(j, end, *scale++);
      j = end;
    }
  }

  /// Applies them to one row of codes; `row` counts in the weight.
  void apply(std::int64_t row, std::int64_t col_begin, std::span<double> values) const {
    const std::int64_t place = place_of(row);
    const double* scale = scales_.data() + place;
    const double* zero = zeros_.empty() ? nullptr : zeros_.data() + place;
    const double* offset = offsets_.empty() ? nullptr : offsets_.data() + place;
    const auto count = static_cast<std::int64_t>(values.size());
    std::int64_t group = col_begin / layout_.block_cols;
    std::int64_t group_end = (group + 1) * layout_.block_cols - col_begin;
    for (std::int64_t j = 0; j < count;) {
      std::int64_t end = std::min(count, group_end);
      if (!group_of_.empty()) {
        group = group_of_[at(j)];
        end = j + 1;
      }
      const std::int64_t g = group - first_;
      const double factor = scale[g];
      double* v = values.data();
      if (zero != nullptr) {
        const double z = zero[g];
        for (std::int64_t k = j; k < end; ++k) v[k] = (v[k] - z) * factor;
      } else {
        for (std::int64_t k = j; k < end; ++k) v[k] *= factor;
      }
      if (offset != nullptr) {
        const double b = offset[g];
        for (std::int64_t k = j; k < end; ++k) v[k] += b;
      }
      j = end;
      ++group;
      group_end += layout_.block_cols;
    }
  }

private:
  /// Of the first scale of a row.
  [[nodiscard]] std::int64_t place_of(std::int64_t row) const {
    return (row / layout_.block_rows - row_first_) * (last_ - first_);
  }

  void find_groups(ElementReader& reader, const Tensor& part, const Block& block) {
    Values values(at(cols_of(block)));
    reader.read_elements(part, block.col_begin, values);
    group_of_.reserve(values.size());
    for (std::int64_t j = 0; j < cols_of(block); ++j) {
      const auto told = static_cast<std::int64_t>(values[at(j)]);
      // -1 means that columns were not reordered (compressed-tensors).
      const std::int64_t group = told == -1 ? (block.col_begin + j) / layout_.block_cols : told;
      if (group < 0 || group >= layout_.groups) {
        throw Error(Blame::input, "its index of groups names group " + std::to_string(told) +
                                      ", expected less than " + std::to_string(layout_.groups));
      }
      group_of_.push_back(group);
    }
  }

  /// A block of a part with one number for each place of the grid of scales.
  Values on_grid(ElementReader& reader, const Tensor& part, std::int64_t expert,
                 const Block& grid) const {
    const std::int64_t grid_rows = ceil_div(layout_.rows, layout_.block_rows);
    if (layout_.scales_in_tiles != 0) return in_tiles(reader, part, expert * grid_rows, grid);
    if (layout_.scales_transposed == 0) {
      const std::int64_t shift = expert * grid_rows;
      return rectangle(
          reader, part, layout_.groups,
          {shift + grid.row_begin, shift + grid.row_end, grid.col_begin, grid.col_end});
    }
    const std::int64_t shift = expert * layout_.groups;
    return transpose(
        rectangle(reader, part, grid_rows,
                  {shift + grid.col_begin, shift + grid.col_end, grid.row_begin, grid.row_end}),
        cols_of(grid), rows_of(grid));
  }

  /// The tiles are read whole, those of 128 rows at a time.
  Values in_tiles(ElementReader& reader, const Tensor& part, std::int64_t shift,
                  const Block& grid) const {
    constexpr std::int64_t kTile = kTileRows * kTileGroups;
    constexpr std::int64_t kHeight = 32;  // of a stored tile
    const std::int64_t across = ceil_div(layout_.groups, kTileGroups);
    Values result(at(rows_of(grid) * cols_of(grid)));
    Values tiles(at(across * kTile));
    std::int64_t held = -1;
    double* to = result.data();
    for (std::int64_t i = shift + grid.row_begin; i < shift + grid.row_end; ++i) {
      if (i / kTileRows != held) {
        held = i / kTileRows;
        reader.read_elements(part, held * across * kTile, tiles);
      }
      const std::int64_t row = i % kTileRows;
      const std::int64_t place = row % kHeight * (kTile / kHeight) + row / kHeight * kTileGroups;
      for (std::int64_t g = grid.col_begin; g < grid.col_end; ++g) {
        *to++ = tiles[at(g / kTileGroups * kTile + place + g % kTileGroups)];
      }
    }
    return result;
  }

  static Values transpose(const Values& values, std::int64_t rows, std::int64_t cols) {
    Values result(values.size());
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) result[at(j * rows + i)] = values[at(i * cols + j)];
    }
    return result;
  }

  void factors(ElementReader& reader, const Tensor& tensor, std::int64_t expert,
               const Block& grid) {
    const double factor = whole_factor(reader, tensor, layout_, expert);
    if (layout_.scale < 0) {
      scales_.assign(at(rows_of(grid) * cols_of(grid)), factor);
      return;
    }
    const Tensor& part = tensor.parts[at(layout_.scale)];
    scales_ = on_grid(reader, part, expert, grid);
    for (double& scale : scales_) {
      if (std::isnan(scale)) refuse_scales(reader, part);
      scale = layout_.divide == 0 ? factor * scale : factor / scale;
    }
  }

  Values zeros(ElementReader& reader, const Tensor& part, std::int64_t expert,
               const Block& grid) const {
    const Packing& packing = layout_.zeros;
    if (packing.order == Order::plain) return on_grid(reader, part, expert, grid);
    const bool turned = layout_.zeros_transposed != 0;
    const Block stored =
        turned ? Block{grid.col_begin, grid.col_end, grid.row_begin, grid.row_end} : grid;
    std::vector<std::byte> storage;
    const Codes codes = CodeBlock(reader, part, packing, expert, stored, storage).codes();
    const Values table = code_values(layout_.zero_meaning, packing.bits);
    const std::uint32_t mask = (std::uint32_t{1} << static_cast<unsigned>(packing.bits)) - 1U;
    Values values(codes.size());
    std::transform(codes.begin(), codes.end(), values.begin(), [&](std::uint8_t code) {
      return table[(code + static_cast<std::uint32_t>(layout_.zero_added)) & mask];
    });
    return turned ? transpose(values, rows_of(stored), cols_of(stored)) : values;
  }

  const CodesLayout& layout_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::int64_t row_first_ = 0;
  std::vector<std::int64_t> group_of_;
  Values scales_;
  Values zeros_;
  Values offsets_;
};

/// A block of one expert, whose rows count from its own first.
class ExpertBlock {
public:
  ExpertBlock(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
              std::int64_t expert, const Block& block)
      : reader_(reader),
        part_(tensor.parts[0]),
        layout_(layout),
        expert_(expert),
        block_(block),
        groups_(reader, tensor, layout, expert, block) {
    if (layout.column < 0) return;
    columns_.resize(at(cols_of(block)));
    reader.read_elements(tensor.parts[at(layout.column)], block.col_begin, columns_);
  }

  /// @param storage  for the codes; it only grows
  void read(std::vector<std::byte>& storage, std::span<double> out) const {
    if (layout_.codes.order == Order::plain) return read_plain(storage, out);
    read_packed(storage, out);
  }

private:
  [[nodiscard]] std::span<double> row_of(std::span<double> out, std::int64_t i) const {
    const std::size_t cols = at(cols_of(block_));
    return out.subspan(at(i) * cols, cols);
  }

  /// Row i of the block, a run of columns with one scale at a time: `decode(begin, scale, out)`
  /// puts the values of columns from `begin` on, times the scale, into `out`.
  template <class Decode>
  void decode_row(std::int64_t i, std::span<double> row, Decode&& decode) const {
    if (groups_.only_scales()) {
      groups_.for_each_scale(block_.row_begin + i, block_.col_begin, cols_of(block_),
                             [&](std::int64_t begin, std::int64_t end, double scale) {
                               decode(begin, scale, row.subspan(at(begin), at(end - begin)));
                             });
    } else {
      decode(0, 1, row);
      groups_.apply(block_.row_begin + i, block_.col_begin, row);
    }
    finish_row(row);
  }
  void finish_row(std::span<double> row) const {
    for (std::size_t j = 0; j < columns_.size(); ++j) row[j] *= columns_[j];
  }

  /// Codes that are elements of their part.
  void read_plain(std::vector<std::byte>& storage, std::span<double> out) const {
    const std::int64_t shift = expert_ * layout_.rows;
    const Block rows{shift + block_.row_begin, shift + block_.row_end, block_.col_begin,
                     block_.col_end};
    const std::size_t bytes = at(dtype_bits(part_.dtype) / 8);
    const std::size_t size = out.size() * bytes;
    if (storage.size() < size) storage.resize(size);
    const std::span<std::byte> stored = std::span(storage).first(size);
    if (!reader_.read_stored(part_, layout_.cols, rows, stored)) {
      read_rectangle(reader_, part_, layout_.cols, rows, out);
      for (std::int64_t i = 0; i < rows_of(block_); ++i) {
        groups_.apply(block_.row_begin + i, block_.col_begin, row_of(out, i));
        finish_row(row_of(out, i));
      }
      return;
    }
    const InstructionSet set = best_instruction_set();
    for (std::int64_t i = 0; i < rows_of(block_); ++i) {
      const std::span<double> row = row_of(out, i);
      const std::span<const std::byte> codes =
          stored.subspan(at(i) * row.size() * bytes, row.size() * bytes);
      decode_row(i, row, [&](std::int64_t begin, double scale, std::span<double> values) {
        decode_scaled(set, part_.dtype, codes.subspan(at(begin) * bytes, values.size() * bytes),
                      scale, values);
      });
    }
  }

  /// Codes in words.
  void read_packed(std::vector<std::byte>& storage, std::span<double> out) const {
    const CodeTable table(code_values(layout_.meaning, layout_.codes.bits));
    const bool turned = layout_.transposed != 0;
    const Block stored =
        turned ? Block{block_.col_begin, block_.col_end, block_.row_begin, block_.row_end} : block_;
    const CodeBlock words(reader_, part_, layout_.codes, expert_, stored, storage);
    if (!turned && layout_.codes.down == 0) {
      for (std::int64_t i = 0; i < rows_of(block_); ++i) {
        decode_row(i, row_of(out, i),
                   [&](std::int64_t begin, double scale, std::span<double> values) {
                     words.look_up(i, begin, table, scale, values);
                   });
      }
      return;
    }
    const Codes codes = words.codes();
    for (std::int64_t i = 0; i < rows_of(block_); ++i) {
      const std::span<double> row = row_of(out, i);
      for (std::int64_t j = 0; j < cols_of(block_); ++j) {
        row[at(j)] = table[codes[at(turned ? j * rows_of(block_) + i : i * cols_of(block_) + j)]];
      }
      groups_.apply(block_.row_begin + i, block_.col_begin, row);
      finish_row(row);
    }
  }

  ElementReader& reader_;
  const Tensor& part_;
  const CodesLayout& layout_;
  std::int64_t expert_;
  Block block_;
  Groups groups_;
  Values columns_;  ///< factors of columns, or none
};

/// A block of rows counted over all experts, in pieces.
void read_rows(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
               const Block& block, std::span<double> out) {
  const std::int64_t cols = cols_of(block);
  // Words that run down a column are read once for all of a block's rows.
  const bool whole = layout.transposed != 0 || layout.codes.down != 0;
  const std::int64_t step =
      whole ? rows_of(block) : std::max<std::int64_t>(1, kPieceElements / cols);
  std::vector<std::byte> storage;
  for (std::int64_t row = block.row_begin; row < block.row_end;) {
    const std::int64_t expert = row / layout.rows;
    const std::int64_t begin = row % layout.rows;
    const std::int64_t end = std::min({layout.rows, begin + block.row_end - row, begin + step});
    const std::size_t count = at((end - begin) * cols);
    const ExpertBlock piece(reader, tensor, layout, expert,
                            {begin, end, block.col_begin, block.col_end});
    piece.read(storage, out.first(count));
    out = out.subspan(count);
    row += end - begin;
  }
}

/// Elements that follow each other in the matrix of codes: whole rows, and parts before and after.
void read_run(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
              std::int64_t first, std::span<double> out) {
  while (!out.empty()) {
    const auto left = static_cast<std::int64_t>(out.size());
    const std::int64_t row = first / layout.cols;
    const std::int64_t col = first % layout.cols;
    Block block{row, row + 1, col, std::min(layout.cols, col + left)};
    if (col == 0 && left >= layout.cols) block = {row, row + left / layout.cols, 0, layout.cols};
    const std::int64_t count = rows_of(block) * cols_of(block);
    read_rows(reader, tensor, layout, block, out.first(at(count)));
    out = out.subspan(at(count));
    first += count;
  }
}

}  // namespace

void read_codes(ElementReader& reader, const Tensor& tensor, const Block& block,
                std::span<double> out) {
  const CodesLayout layout = codes_layout(tensor.numbers);
  const std::int64_t width = tensor.shape.back();
  if (width == layout.cols) return read_rows(reader, tensor, layout, block, out);
  if (block.col_begin == 0 && block.col_end == width) {
    return read_run(reader, tensor, layout, block.row_begin * width, out);
  }
  for (std::int64_t row = block.row_begin; row < block.row_end; ++row) {
    const std::size_t count = at(cols_of(block));
    read_run(reader, tensor, layout, row * width + block.col_begin, out.first(count));
    out = out.subspan(count);
  }
}

}  // namespace wishart::checkpoint
