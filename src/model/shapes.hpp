#pragma once

/// @file
/// Internal: how a tensor of 2, 3, 4 or 5 dimensions is cut into views.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/record/matrix.hpp"

namespace wishart::model {

/// The two-dimensional views of a tensor, all of one shape.
struct Cut {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::vector<View> views;
};

/// [a, b] as stored.
[[nodiscard]] Cut cut_plain(std::span<const std::int64_t> shape);
/// [E, a, b] or [L, E, a, b]: E or L * E contiguous views of a x b.
[[nodiscard]] Cut cut_stack(std::span<const std::int64_t> shape);
/// [a, b, k]: k views T[:, :, i] of a x b, one for each kernel offset.
[[nodiscard]] Cut cut_conv1d(std::span<const std::int64_t> shape);
/// [a, b, c, d]: T[:, :, i, j] of a x b if a + b >= c + d, else T[i, j, :, :] of c x d: as
/// WeightWatcher 0.7.5.5 tells the two channel orders apart.
[[nodiscard]] Cut cut_conv2d(std::span<const std::int64_t> shape);
/// [k, a, b] or [k, l, a, b]: k or k l views of a x b, as Keras, TensorFlow and Flax have them.
[[nodiscard]] Cut cut_kernel_first(std::span<const std::int64_t> shape);
/// [a, ...]: one view of a x (product of the rest).
[[nodiscard]] Cut cut_flattened(std::span<const std::int64_t> shape);
/// [..., b]: one view of (product of the rest) x b.
[[nodiscard]] Cut cut_flattened_before_last(std::span<const std::int64_t> shape);

}  // namespace wishart::model
