#include "numbers/affine_codes.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"

#include "numbers/block_sizes.hpp"
#include "numbers/codes.hpp"
#include "numbers/encodings.hpp"

// Formulas: ONNX, operator DequantizeLinear; microsoft/onnxruntime, ContribOperators.md
// (MatMulNBits, GatherBlockQuantized).

namespace wishart::checkpoint {
namespace {

using Values = std::vector<double>;

/// A run of numbers, packed or plain, read once for many.
class Run {
public:
  /// @param bits  of a packed number; 0: they are elements of `part`
  Run(ElementReader& reader, const Tensor& part, std::int64_t bits, AffineLayout::Codes codes)
      : reader_(reader), part_(part), bits_(bits), codes_(codes) {}

  /// Makes numbers [first, last) available.
  void hold(std::int64_t first, std::int64_t last) {
    if (first >= first_ && last <= last_) return;
    first_ = bits_ == 0 ? first : first * bits_ / 8 * 8 / bits_;
    last_ = last;
    const std::int64_t begin = bits_ == 0 ? first : first * bits_ / 8;
    const std::int64_t end = bits_ == 0 ? last : (last * bits_ + 7) / 8;
    values_.resize(at(end - begin));
    reader_.read_elements(part_, begin, values_);
    has_nan_ = std::any_of(values_.begin(), values_.end(), [](double v) { return std::isnan(v); });
  }
  /// True if one of the plain numbers that are held is not a number.
  [[nodiscard]] bool has_nan() const { return has_nan_; }
  /// @pre number `i` is held
  [[nodiscard]] double operator()(std::int64_t i) const {
    if (bits_ == 0) return values_[at(i - first_)];
    const std::int64_t bit = (i - first_) * bits_;
    const auto byte = static_cast<unsigned>(values_[at(bit / 8)]);
    const std::int64_t code =
        (byte >> static_cast<unsigned>(bit % 8)) & ((1U << static_cast<unsigned>(bits_)) - 1U);
    if (codes_ == AffineLayout::Codes::float4) return fp4_value(static_cast<unsigned>(code));
    const std::int64_t middle = std::int64_t{1} << (bits_ - 1);
    const bool negative = codes_ == AffineLayout::Codes::twos_complement && code >= middle;
    return static_cast<double>(negative ? code - 2 * middle : code);
  }

private:
  ElementReader& reader_;
  const Tensor& part_;
  std::int64_t bits_;
  AffineLayout::Codes codes_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  bool has_nan_ = false;
  Values values_;
};

/// Reads a block of the tensor as it is stored.
class AffineBlock {
public:
  AffineBlock(ElementReader& reader, const Tensor& tensor, const AffineLayout& layout)
      : reader_(reader),
        scales_part_(tensor.parts[1]),
        layout_(layout),
        blocks_(ceil_div(layout.axis, layout.block)),
        codes_(reader, tensor.parts[0], layout.bits, layout.codes),
        scales_(reader, tensor.parts[1], 0, AffineLayout::Codes::natural),
        zeros_(reader, tensor.parts.back(),
               layout.zeros == AffineLayout::Zeros::packed ? layout.bits : 0, layout.codes) {}

  void read(const Block& block, std::span<double> out) {
    hold_codes(block.row_begin, block.row_end, block);
    if (layout_.per_position && layout_.inner == 1) {
      hold_scales(scale_of(block.row_begin * layout_.row + block.col_begin),
                  scale_of((block.row_end - 1) * layout_.row + block.col_end - 1));
    } else if (!layout_.per_position) {
      hold_scales(0, blocks_ - 1);
    }
    double* to = out.data();
    for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
      const std::int64_t first = i * layout_.row;
      hold_codes(i, i + 1, block);
      if (layout_.per_position && layout_.inner > 1) hold_row(first, block);
      for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
        const std::int64_t scale = scale_of(first + j);
        *to++ = (codes_(i * layout_.stored_row + j) - zero_of(scale)) * scales_(scale);
      }
    }
  }

private:
  /// The codes of some rows: at once if they follow each other, else of one row.
  void hold_codes(std::int64_t row_begin, std::int64_t row_end, const Block& block) {
    const bool whole = block.col_begin == 0 && block.col_end == layout_.row;
    if (!whole && row_end - row_begin > 1) return;
    codes_.hold(row_begin * layout_.stored_row + block.col_begin,
                (row_end - 1) * layout_.stored_row + block.col_end);
  }
  void hold_row(std::int64_t first, const Block& block) {
    std::int64_t least = scale_of(first + block.col_begin);
    std::int64_t most = least;
    for (std::int64_t j = block.col_begin + 1; j < block.col_end; ++j) {
      const std::int64_t scale = scale_of(first + j);
      least = std::min(least, scale);
      most = std::max(most, scale);
    }
    hold_scales(least, most);
  }
  void hold_scales(std::int64_t first, std::int64_t last) {
    scales_.hold(first, last + 1);
    if (scales_.has_nan()) refuse_scales(reader_, scales_part_);
    if (layout_.zeros == AffineLayout::Zeros::constant) return;
    zeros_.hold(zero_place(first), zero_place(last) + 1);
  }
  [[nodiscard]] std::int64_t scale_of(std::int64_t element) const {
    const std::int64_t group = element / layout_.inner % layout_.axis / layout_.block;
    if (!layout_.per_position) return group;
    const std::int64_t outer = element / (layout_.inner * layout_.axis);
    return (outer * blocks_ + group) * layout_.inner + element % layout_.inner;
  }
  [[nodiscard]] std::int64_t zero_place(std::int64_t scale) const {
    if (layout_.zeros == AffineLayout::Zeros::numbers) return scale;
    return scale / layout_.zero_row * layout_.zero_stored_row + scale % layout_.zero_row;
  }
  [[nodiscard]] double zero_of(std::int64_t scale) const {
    if (layout_.zeros == AffineLayout::Zeros::constant) return static_cast<double>(layout_.zero);
    return zeros_(zero_place(scale));
  }

  ElementReader& reader_;
  const Tensor& scales_part_;
  AffineLayout layout_;
  std::int64_t blocks_;
  Run codes_;
  Run scales_;
  Run zeros_;
};

}  // namespace

std::vector<std::int64_t> AffineLayout::numbers() const {
  return {bits,
          static_cast<std::int64_t>(codes),
          row,
          stored_row,
          axis,
          inner,
          block,
          per_position ? 1 : 0,
          static_cast<std::int64_t>(zeros),
          zero,
          zero_row,
          zero_stored_row,
          transposed ? 1 : 0};
}

AffineLayout AffineLayout::from(const std::vector<std::int64_t>& n) {
  require(n.size() == 13 && n[2] > 0 && n[4] > 0 && n[5] > 0 && n[6] > 0 && n[10] > 0,
          "an affine encoding has no layout");
  AffineLayout layout;
  layout.bits = n[0];
  layout.codes = static_cast<Codes>(n[1]);
  layout.row = n[2];
  layout.stored_row = n[3];
  layout.axis = n[4];
  layout.inner = n[5];
  layout.block = n[6];
  layout.per_position = n[7] != 0;
  layout.zeros = static_cast<Zeros>(n[8]);
  layout.zero = n[9];
  layout.zero_row = n[10];
  layout.zero_stored_row = n[11];
  layout.transposed = n[12] != 0;
  return layout;
}

void read_affine(ElementReader& reader, const Tensor& tensor, const Block& block,
                 std::span<double> out) {
  if (out.empty()) return;
  const AffineLayout layout = AffineLayout::from(tensor.numbers);
  AffineBlock stored(reader, tensor, layout);
  if (!layout.transposed) return stored.read(block, out);
  // A few stored rows at a time, so that the copy stays small.
  const std::int64_t rows = block.row_end - block.row_begin;
  const std::int64_t cols = block.col_end - block.col_begin;
  constexpr std::int64_t kCopied = std::int64_t{1} << 18;
  const std::int64_t step = std::clamp<std::int64_t>(kCopied / rows, 1, cols);
  Values copy;
  for (std::int64_t j = 0; j < cols; j += step) {
    const std::int64_t now = std::min(step, cols - j);
    copy.resize(at(now * rows));
    stored.read({block.col_begin + j, block.col_begin + j + now, block.row_begin, block.row_end},
                copy);
    for (std::int64_t a = 0; a < now; ++a) {
      for (std::int64_t i = 0; i < rows; ++i) {
        out[at(i * cols + j + a)] = copy[at(a * rows + i)];
      }
    }
  }
}

}  // namespace wishart::checkpoint
