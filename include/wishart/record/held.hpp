#pragma once

/// @file
/// The fewest bytes that can hold the elements of a matrix in memory, shared by the plan, which
/// counts them, and the code that holds them.

#include <algorithm>
#include <cstdint>

#include "wishart/record/matrix.hpp"

namespace wishart {

/// Bytes that represent any element of `matrix`, as analysed, exactly: 2 (the upper half of a
/// float32) for BF16 and 8-bit floats, 4 for what float32 holds, else 8 (F64, encoded tensors, and
/// elements multiplied by a factor in float64).
[[nodiscard]] inline std::int64_t held_element_bytes(const Matrix& matrix) noexcept {
  const bool scaled = matrix.w_norm != 1.0 || matrix.tensor.encoding != Encoding::plain;
  if (scaled) return matrix.float32_arithmetic ? 4 : 8;
  const Dtype dtype = matrix.tensor.dtype;
  const bool eight_bits = is_weight_dtype(dtype) && dtype_bits(dtype) == 8;
  if (dtype == Dtype::bf16 || eight_bits) return 2;
  const bool float32 = dtype == Dtype::f16 || dtype == Dtype::f32 || matrix.float32_arithmetic;
  return float32 ? 4 : 8;
}

/// Bytes to hold all elements of all views.
[[nodiscard]] inline std::int64_t held_bytes(const Matrix& matrix) noexcept {
  return held_element_bytes(matrix) * matrix.rows * matrix.cols * matrix.num_views();
}

/// If the matrix is too large to be held, a random order is built in windows of this size (as
/// float64), and the whole view is read once per window.
inline constexpr std::int64_t kWindowBytes = std::int64_t{256} << 20U;

/// Bytes of such a window.
[[nodiscard]] inline std::int64_t window_bytes(const Matrix& matrix) noexcept {
  return std::min(kWindowBytes, 8 * matrix.rows * matrix.cols);
}

}  // namespace wishart
