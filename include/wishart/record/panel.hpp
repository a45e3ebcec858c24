#pragma once

/// @file
/// How much of a matrix is read at once. Shared by the plan, which counts the memory, and the
/// engine, which allocates it.

#include <algorithm>
#include <cstdint>

#include "wishart/record/matrix.hpp"
#include "wishart/record/products.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart {

/// The default size of a panel as float64.
inline constexpr std::int64_t kDefaultPanelBytes = std::int64_t{16} << 20U;

/// The number of rows (of a tall matrix) or columns (of a wide one) in a panel.
///
/// About `panel_bytes` as float64, with two exceptions. If the short side is long, a panel of few
/// rows would make the products wait for memory, because the triangle of the Gram matrix is read
/// and written once per panel: such a panel has at least 256 rows, or 2048 for float32 products,
/// which are added in a separate pass. And a wide matrix gets deeper panels if the pieces of its
/// rows would be shorter than 4096 bytes in the file. A panel is never larger than 64 MiB.
[[nodiscard]] inline std::int64_t panel_depth(const Matrix& matrix, std::int64_t panel_bytes,
                                              Precision precision) noexcept {
  constexpr std::int64_t kMostBytes = std::int64_t{64} << 20U;
  const std::int64_t row_bytes = 8 * std::max<std::int64_t>(matrix.short_side(), 1);
  const std::int64_t most = std::max<std::int64_t>(kMostBytes / row_bytes, 1);
  std::int64_t depth = std::max<std::int64_t>(panel_bytes / row_bytes, 1);
  depth =
      std::max(depth, std::min<std::int64_t>(most, precision == Precision::float32 ? 2048 : 256));
  if (matrix.cols > matrix.rows) {
    const std::int64_t element_bytes =
        std::max<std::int64_t>(dtype_bits(matrix.tensor.dtype) / 8, 1);
    depth = std::max(depth, std::min<std::int64_t>(most, 4096 / element_bytes));
  }
  return std::min(depth, std::max<std::int64_t>(matrix.long_side(), 1));
}

/// The rows of a panel that become integers at once, if its products are formed from integers. The
/// same on every processor, so that sums are rounded at the same places.
inline constexpr std::int64_t kIntegerDepth = 512;
/// The most rows of such a panel.
inline constexpr std::int64_t kMostIntegerRows = 2 * kIntegerDepth;
/// Memory that panels and bytes may take beyond the panels of float64 products. With tiles, and
/// doubles for a panel that falls back, it is below 64 MiB.
inline constexpr std::int64_t kMoreIntegerBytes = std::int64_t{48} << 20U;

/// The number of rows or columns in a panel if its products are formed from integers: two buffers
/// of floats and the bytes take kMoreIntegerBytes more than two buffers of doubles.
[[nodiscard]] inline std::int64_t integer_panel_depth(const Matrix& matrix,
                                                      std::int64_t panel_bytes,
                                                      IntegerForm form) noexcept {
  const std::int64_t line = std::max<std::int64_t>(matrix.short_side(), 1);
  const std::int64_t now = 16 * line * panel_depth(matrix, panel_bytes, Precision::float64);
  const std::int64_t most = (now + kMoreIntegerBytes) / (line * (8 + kept_bytes(form)));
  std::int64_t depth = std::max<std::int64_t>(most / 64 * 64, 64);
  if (most >= kIntegerDepth) depth = most >= kMostIntegerRows ? kMostIntegerRows : kIntegerDepth;
  return std::min(depth, std::max<std::int64_t>(matrix.long_side(), 1));
}

/// Lines whose products are formed together: held ones, so many that their bytes stay in the
/// second-level cache, and those that they meet.
inline constexpr std::int64_t kHeldLines = 224;
inline constexpr std::int64_t kMetLines = 32;

/// Bytes for the integer products of panels of `lines` x `depth` elements, in addition to the
/// panels themselves: bytes of integers, tiles, elements kept apart, and doubles for a panel that
/// falls back.
[[nodiscard]] inline std::int64_t integer_bytes(std::int64_t lines, std::int64_t depth,
                                                IntegerForm form) noexcept {
  const std::int64_t at_once = std::min(depth, kIntegerDepth);
  const std::int64_t stride = (at_once + 63) / 64 * 64;
  const std::int64_t kept = kept_bytes(form) * lines * stride;
  const std::int64_t derived = (kHeldLines + kMetLines) * stride * (form.bytes - kept_bytes(form));
  const std::int64_t held = form.bytes * kHeldLines * stride;
  const std::int64_t line_buffers = 128 * stride + 8 * lines;
  const std::int64_t tiles = kHeldLines * kMetLines * (std::int64_t{4} * form.bytes + 8);
  const std::int64_t apart = 48 * (lines * at_once / 256 + 32 * at_once);
  const std::int64_t fallback = 8 * lines * std::min<std::int64_t>(depth, 256);
  return kept + derived + held + line_buffers + tiles + apart + fallback;
}

}  // namespace wishart
