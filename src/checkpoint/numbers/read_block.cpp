#include <algorithm>
#include <memory>
#include <optional>

#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

namespace wishart::checkpoint {
namespace {

/// Elements read at a time when more is read than is kept: 2 MiB as float64.
constexpr std::int64_t kSpanElements = std::int64_t{1} << 18;
/// Pieces of a row are read one by one if they are at least this long or this far apart. Otherwise
/// the gaps are read too. A call costs about as much as copying and converting some KiB from the
/// page cache.
constexpr std::int64_t kLongPieceBytes = 4096;
constexpr std::int64_t kWideGapBytes = 65536;

/// One dimension of a block: `count` steps of `stride` elements in the tensor and `out_stride` in
/// the output.
struct Dimension {
  std::int64_t count = 0;
  std::int64_t stride = 0;
  std::int64_t out_stride = 0;

  /// Elements from the first to the last of `n` steps, both included.
  [[nodiscard]] std::int64_t span(std::int64_t n) const { return (n - 1) * stride + 1; }
};

/// Throws unless the view of a rows x cols matrix stays inside its tensor.
void check_view(const Matrix& matrix, const View& view) {
  require(view.first >= 0 && view.row_stride >= 0 && view.col_stride >= 0,
          "a view begins before its tensor or has a negative stride");
  const auto down = checked_product(matrix.rows - 1, view.row_stride);
  const auto across = checked_product(matrix.cols - 1, view.col_stride);
  const auto extent = down && across ? checked_sum(*down, *across) : std::nullopt;
  const auto last = extent ? checked_sum(view.first, *extent) : std::nullopt;
  require(last && *last < matrix.tensor.num_elements, "a view extends beyond its tensor");
}

void check_block(const Matrix& matrix, std::int64_t view, const Block& block,
                 std::size_t out_size) {
  require(view >= 0 && view < matrix.num_views(),
          "a view that the matrix does not have was requested");
  require(0 <= block.row_begin && block.row_begin <= block.row_end && block.row_end <= matrix.rows,
          "rows outside the matrix were requested");
  require(0 <= block.col_begin && block.col_begin <= block.col_end && block.col_end <= matrix.cols,
          "columns outside the matrix were requested");
  const auto size =
      checked_product(block.row_end - block.row_begin, block.col_end - block.col_begin);
  require(size && static_cast<std::size_t>(*size) == out_size,
          "the output does not have the size of the block");
}

/// Reads `outer` x `inner` elements from `first` on, in spans that cover as many steps as fit.
void read_strided(ElementReader& reader, const Tensor& tensor, std::int64_t first,
                  const Dimension& outer, const Dimension& inner, std::span<double> out) {
  const std::int64_t inner_steps = std::min(
      inner.count, inner.stride == 0 ? inner.count : (kSpanElements - 1) / inner.stride + 1);
  std::int64_t outer_steps = 1;
  if (inner_steps == inner.count) {
    const std::int64_t room = kSpanElements - inner.span(inner.count);
    outer_steps = outer.stride == 0 ? outer.count : std::min(outer.count, room / outer.stride + 1);
    const std::int64_t element_bytes = dtype_bits(tensor.dtype) / 8;
    const std::int64_t gap = outer.stride - inner.span(inner.count);
    if (gap * element_bytes >= kWideGapBytes) outer_steps = 1;
  }
  const std::int64_t most = outer.span(outer_steps) + inner.span(inner_steps) - 1;
  const auto scratch = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(most));
  for (std::int64_t o = 0; o < outer.count; o += outer_steps) {
    const std::int64_t outer_now = std::min(outer_steps, outer.count - o);
    for (std::int64_t i = 0; i < inner.count; i += inner_steps) {
      const std::int64_t inner_now = std::min(inner_steps, inner.count - i);
      const std::int64_t length = outer.span(outer_now) + inner.span(inner_now) - 1;
      reader.read_elements(tensor, first + o * outer.stride + i * inner.stride,
                           std::span(scratch.get(), static_cast<std::size_t>(length)));
      for (std::int64_t a = 0; a < outer_now; ++a) {
        const double* from = scratch.get() + a * outer.stride;
        double* to = out.data() + (o + a) * outer.out_stride + i * inner.out_stride;
        for (std::int64_t b = 0; b < inner_now; ++b) {
          to[b * inner.out_stride] = from[b * inner.stride];
        }
      }
    }
  }
}

void read_values(ElementReader& reader, const Tensor& tensor, std::int64_t first,
                 const Dimension& down, const Dimension& across, std::span<double> out) {
  const bool whole_rows = across.stride == 1 && (down.count == 1 || down.stride == across.count);
  if (whole_rows) return reader.read_elements(tensor, first, out);
  if (across.stride == 1 && across.count * (dtype_bits(tensor.dtype) / 8) >= kLongPieceBytes) {
    for (std::int64_t row = 0; row < down.count; ++row) {
      reader.read_elements(tensor, first + row * down.stride,
                           out.subspan(static_cast<std::size_t>(row * across.count),
                                       static_cast<std::size_t>(across.count)));
    }
    return;
  }
  // The dimension with the smaller stride is the inner one: a transposed view is read along its
  // columns.
  if (down.stride >= across.stride) return read_strided(reader, tensor, first, down, across, out);
  read_strided(reader, tensor, first, across, down, out);
}

/// Reads a block of a tensor that is not dense, as a rectangle if the view consists of whole rows.
void read_other(ElementReader& reader, const Tensor& tensor, const View& view, const Block& block,
                const Dimension& down, const Dimension& across, std::span<double> out) {
  const std::int64_t width = tensor.shape.empty() ? 1 : tensor.shape.back();
  const std::int64_t row = width == 0 ? 0 : view.first / width;
  const std::int64_t col = width == 0 ? 0 : view.first % width;
  if (view.col_stride == 1 && view.row_stride == width && col + block.col_end <= width) {
    return reader.read_rectangle(
        tensor,
        {row + block.row_begin, row + block.row_end, col + block.col_begin, col + block.col_end},
        out);
  }
  const std::int64_t first =
      view.first + block.row_begin * view.row_stride + block.col_begin * view.col_stride;
  read_values(reader, tensor, first, down, across, out);
}

void scale(const Matrix& matrix, std::span<double> values) {
  if (matrix.float32_arithmetic) {
    const auto factor = static_cast<float>(matrix.w_norm);
    for (double& value : values) value = static_cast<double>(static_cast<float>(value) * factor);
  } else if (matrix.w_norm != 1.0) {
    for (double& value : values) value *= matrix.w_norm;
  }
}

}  // namespace

void read_block(ElementReader& reader, const Matrix& matrix, std::int64_t view, const Block& block,
                std::span<double> out) {
  check_block(matrix, view, block, out.size());
  if (out.empty()) return;
  const View& place = matrix.views[static_cast<std::size_t>(view)];
  check_view(matrix, place);
  const std::int64_t cols = block.col_end - block.col_begin;
  const Dimension down{block.row_end - block.row_begin, place.row_stride, cols};
  const Dimension across{cols, place.col_stride, 1};
  if (matrix.tensor.is_dense()) {
    const std::int64_t first =
        place.first + block.row_begin * place.row_stride + block.col_begin * place.col_stride;
    read_values(reader, matrix.tensor, first, down, across, out);
  } else {
    read_other(reader, matrix.tensor, place, block, down, across, out);
  }
  scale(matrix, out);
}

}  // namespace wishart::checkpoint
