#pragma once

/// @file
/// Internal: which matrices are scaled before a reduction.

#include <cmath>
#include <cstdlib>

namespace wishart::spectrum {

/// The power of two by which a matrix whose largest element has this size must be divided, so that
/// sums of products of two elements stay far from overflow and underflow; 0 if it need not be. The
/// division is exact, except for results that underflow.
[[nodiscard]] inline int scaling_exponent(double largest) noexcept {
  if (largest == 0 || !std::isfinite(largest)) return 0;
  const int exponent = std::ilogb(largest);
  return std::abs(exponent) < 200 ? 0 : exponent;
}

}  // namespace wishart::spectrum
