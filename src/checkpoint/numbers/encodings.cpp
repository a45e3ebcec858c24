#include "numbers/encodings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "wishart/core/error.hpp"

#include "numbers/affine_codes.hpp"
#include "numbers/block_sizes.hpp"
#include "numbers/codes.hpp"
#include "numbers/quantised_blocks.hpp"
#include "numbers/varint_list.hpp"

namespace wishart::checkpoint {
namespace {

/// Elements of a second operand held at a time: 2 MiB as float64.
constexpr std::int64_t kPieceElements = std::int64_t{1} << 18;

/// Calls `piece(part of block, its output)` for parts of at most kPieceElements or one row.
template <class Piece>
void by_rows(const Block& block, std::span<double> out, Piece&& piece) {
  const std::int64_t cols = cols_of(block);
  const std::int64_t step =
      std::max<std::int64_t>(1, kPieceElements / std::max<std::int64_t>(1, cols));
  for (std::int64_t row = block.row_begin; row < block.row_end; row += step) {
    const Block part{row, std::min(row + step, block.row_end), block.col_begin, block.col_end};
    piece(part, out.subspan(static_cast<std::size_t>((row - block.row_begin) * cols),
                            static_cast<std::size_t>(rows_of(part) * cols)));
  }
}

void read_product(ElementReader& reader, const Tensor& tensor, const Block& block,
                  std::span<double> out) {
  const Tensor& left = tensor.parts[0];
  const std::int64_t rank = left.shape.back();
  const std::int64_t cols = cols_of(block);
  std::vector<double> b(static_cast<std::size_t>(rows_of(block) * rank));
  std::vector<double> a(static_cast<std::size_t>(rank * cols));
  reader.read_rectangle(left, {block.row_begin, block.row_end, 0, rank}, b);
  reader.read_rectangle(tensor.parts[1], {0, rank, block.col_begin, block.col_end}, a);
  std::fill(out.begin(), out.end(), 0.0);
  for (std::int64_t i = 0; i < rows_of(block); ++i) {
    double* row = out.data() + i * cols;
    for (std::int64_t k = 0; k < rank; ++k) {
      const double weight = tensor.factor * b[static_cast<std::size_t>(i * rank + k)];
      const double* from = a.data() + k * cols;
      for (std::int64_t j = 0; j < cols; ++j) row[j] += weight * from[j];
    }
  }
}

void read_sum(ElementReader& reader, const Tensor& tensor, const Block& block,
              std::span<double> out) {
  std::vector<double> second;
  by_rows(block, out, [&](const Block& part, std::span<double> to) {
    reader.read_rectangle(tensor.parts[0], part, to);
    second.resize(to.size());
    reader.read_rectangle(tensor.parts[1], part, second);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += tensor.factor * second[i];
  });
}

/// Column j of the result is m_j X_j / |X_j|. Each block reads its columns whole, for their
/// lengths: such weights are small, or few.
void read_rescaled_columns(ElementReader& reader, const Tensor& tensor, const Block& block,
                           std::span<double> out) {
  const std::int64_t cols = cols_of(block);
  const std::int64_t rows = tensor.num_elements / tensor.shape.back();
  std::vector<double> scales(static_cast<std::size_t>(cols));
  reader.read_elements(tensor.parts[1], block.col_begin, scales);
  std::vector<double> squares(scales.size());
  std::vector<double> lines;
  const std::int64_t step = std::max<std::int64_t>(1, kPieceElements / cols);
  for (std::int64_t row = 0; row < rows; row += step) {
    const std::int64_t end = std::min(row + step, rows);
    lines.resize(static_cast<std::size_t>((end - row) * cols));
    reader.read_rectangle(tensor.parts[0], {row, end, block.col_begin, block.col_end}, lines);
    for (std::size_t i = 0; i < lines.size(); ++i)
      squares[i % squares.size()] += lines[i] * lines[i];
  }
  for (std::size_t j = 0; j < scales.size(); ++j) scales[j] /= std::sqrt(squares[j]);
  reader.read_rectangle(tensor.parts[0], block, out);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] *= scales[i % scales.size()];
}

/// Row i of the result is m_i X_i / |X_i| (Liu et al. 2024, arXiv:2402.09353).
void read_rescaled_rows(ElementReader& reader, const Tensor& tensor, const Block& block,
                        std::span<double> out) {
  if (out.empty()) return;
  if (!tensor.numbers.empty()) return read_rescaled_columns(reader, tensor, block, out);
  const std::int64_t width = tensor.shape.back();
  std::vector<double> row(static_cast<std::size_t>(width));
  const std::int64_t cols = cols_of(block);
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    reader.read_rectangle(tensor.parts[0], {i, i + 1, 0, width}, row);
    double length = 0;
    reader.read_elements(tensor.parts[1], i, {&length, 1});
    double squares = 0;
    for (const double value : row) squares += value * value;
    const double scale = length / std::sqrt(squares);
    for (std::int64_t j = 0; j < cols; ++j) {
      out[static_cast<std::size_t>((i - block.row_begin) * cols + j)] =
          scale * row[static_cast<std::size_t>(block.col_begin + j)];
    }
  }
}

void read_rows(ElementReader& reader, const Tensor& tensor, const Block& block,
               std::span<double> out) {
  require(tensor.numbers.size() == 3 && tensor.numbers[1] > 0, "an encoding by rows has no runs");
  const std::int64_t first = tensor.numbers[0];
  const std::int64_t run = tensor.numbers[1];
  const std::int64_t cols = cols_of(block);
  for (std::int64_t i = block.row_begin; i < block.row_end;) {
    const std::int64_t end = std::min(block.row_end, (i / run + 1) * run);
    const std::int64_t from = first + i / run * tensor.numbers[2] + i % run;
    reader.read_rectangle(tensor.parts[0], {from, from + end - i, block.col_begin, block.col_end},
                          out.first(static_cast<std::size_t>((end - i) * cols)));
    out = out.subspan(static_cast<std::size_t>((end - i) * cols));
    i = end;
  }
}

/// Rows or columns of X that lie at even distances. Whole rows of X are read, a few at a time.
void read_view(ElementReader& reader, const Tensor& tensor, const Block& block,
               std::span<double> out) {
  require(tensor.numbers.size() == 3, "a view has no strides");
  const std::int64_t width = tensor.parts[0].shape.back();
  const std::int64_t first = tensor.numbers[0];
  const bool transposed = tensor.numbers[1] < tensor.numbers[2];
  const std::int64_t across = transposed ? tensor.numbers[1] : tensor.numbers[2];
  const std::int64_t down = transposed ? tensor.numbers[2] : tensor.numbers[1];
  require(width > 0 && (across == 1 || across == 2) && down >= width && down % width == 0,
          "a view does not run along rows");
  const std::int64_t cols = cols_of(block);
  // Of the lines of X: those that the block needs, and the places in them.
  const std::int64_t line_begin = transposed ? block.col_begin : block.row_begin;
  const std::int64_t line_end = transposed ? block.col_end : block.row_end;
  const std::int64_t begin = transposed ? block.row_begin : block.col_begin;
  const std::int64_t end = transposed ? block.row_end : block.col_end;
  const std::int64_t from = first % width + begin * across;
  const std::int64_t length = (end - begin - 1) * across + 1;
  const std::int64_t step_of_rows = down / width;
  // Neighbouring rows of X are read at once.
  const std::int64_t most =
      step_of_rows == 1 ? std::max<std::int64_t>(1, kPieceElements / length) : 1;
  std::vector<double> lines;
  for (std::int64_t line = line_begin; line < line_end; line += most) {
    const std::int64_t now = std::min(most, line_end - line);
    const std::int64_t row = first / width + line * step_of_rows;
    lines.resize(static_cast<std::size_t>(now * length));
    reader.read_rectangle(tensor.parts[0], {row, row + now, from, from + length}, lines);
    for (std::int64_t l = 0; l < now; ++l) {
      const double* values = lines.data() + l * length;
      for (std::int64_t k = 0; k < end - begin; ++k) {
        const std::int64_t i = transposed ? k : line - line_begin + l;
        const std::int64_t j = transposed ? line - line_begin + l : k;
        out[static_cast<std::size_t>(i * cols + j)] = values[k * across];
      }
    }
  }
}

/// Columns of a part in one group, as rows.
void read_turned(ElementReader& reader, const Tensor& part, const Block& block, std::int64_t group,
                 std::int64_t width, std::span<double> out) {
  const std::int64_t rows = rows_of(block);
  const std::int64_t cols = cols_of(block);
  std::vector<double> turned(out.size());
  const std::int64_t first = group * width;
  reader.read_rectangle(
      part, {first + block.col_begin, first + block.col_end, block.row_begin, block.row_end},
      turned);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      out[static_cast<std::size_t>(i * cols + j)] = turned[static_cast<std::size_t>(j * rows + i)];
    }
  }
}

void read_rows_by_turns(ElementReader& reader, const Tensor& tensor, const Block& block,
                        std::span<double> out) {
  require(tensor.numbers.size() == 3 && tensor.numbers[0] > 0 && tensor.numbers[1] > 0,
          "an encoding by rows has no rows of one of its parts");
  const std::int64_t rows = tensor.numbers[0] + tensor.numbers[1];
  const std::int64_t cols = cols_of(block);
  for (std::int64_t i = block.row_begin; i < block.row_end;) {
    const std::int64_t group = i / rows;
    const bool first = i % rows < tensor.numbers[0];
    const std::int64_t before = group * rows + (first ? 0 : tensor.numbers[0]);
    const std::int64_t count = tensor.numbers[first ? 0 : 1];
    const std::int64_t end = std::min(block.row_end, before + count);
    const std::span<double> to = out.first(static_cast<std::size_t>((end - i) * cols));
    const Tensor& part = tensor.parts[first ? 0 : 1];
    Block wanted{i - before, end - before, block.col_begin, block.col_end};
    if (first && tensor.numbers[2] == 1) {
      read_turned(reader, part, wanted, group, tensor.shape.back(), to);
    } else {
      wanted.row_begin += group * count;
      wanted.row_end += group * count;
      reader.read_rectangle(part, wanted, to);
    }
    out = out.subspan(to.size());
    i = end;
  }
}

std::size_t least_parts(Encoding encoding) {
  const bool one = encoding == Encoding::codes || encoding == Encoding::gguf ||
                   encoding == Encoding::rows || encoding == Encoding::varint ||
                   encoding == Encoding::view;
  if (one) return 1;
  return encoding == Encoding::bnb4 ? 3 : 2;
}

}  // namespace

double fp4_value(unsigned code) noexcept {
  constexpr std::array<double, 16> kValues{0,    0.5,  1,  1.5,  2,  3,  4,  6,
                                           -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};
  return kValues[code & 15U];
}

Tensor encoded_tensor(std::string name, std::vector<std::int64_t> shape, Encoding encoding,
                      std::vector<Tensor> parts, std::vector<std::int64_t> numbers,
                      std::string stored_as) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.num_elements =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  tensor.shape = std::move(shape);
  tensor.encoding = encoding;
  tensor.parts = std::move(parts);
  tensor.numbers = std::move(numbers);
  tensor.stored_as = std::move(stored_as);
  if (encoding == Encoding::codes) {
    tensor.scale_bits = short_scale_bits(codes_layout(tensor.numbers), tensor.parts);
  }
  return tensor;
}

void read_encoded(ElementReader& reader, const Tensor& tensor, const Block& block,
                  std::span<double> out) {
  require(tensor.parts.size() >= least_parts(tensor.encoding),
          "an encoded tensor is missing a part");
  switch (tensor.encoding) {
    case Encoding::plain:
      return require(false, "a plain tensor is not encoded");
    case Encoding::product:
      return read_product(reader, tensor, block, out);
    case Encoding::sum:
      return read_sum(reader, tensor, block, out);
    case Encoding::rescaled_rows:
      return read_rescaled_rows(reader, tensor, block, out);
    case Encoding::rows:
      return tensor.parts.size() == 2 ? read_rows_by_turns(reader, tensor, block, out)
                                      : read_rows(reader, tensor, block, out);
    case Encoding::varint:
      return read_varints(reader, tensor, block, out);
    case Encoding::view:
      return out.empty() ? void() : read_view(reader, tensor, block, out);
    case Encoding::affine:
      return read_affine(reader, tensor, block, out);
    case Encoding::codes:
      return read_codes(reader, tensor, block, out);
    case Encoding::bnb4:
    case Encoding::gguf:
      return by_rows(block, out, [&](const Block& part, std::span<double> to) {
        read_quantised(reader, tensor, part, to);
      });
  }
}

}  // namespace wishart::checkpoint
