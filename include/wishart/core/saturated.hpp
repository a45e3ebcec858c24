#pragma once

/// @file
/// Sums of counts that a stranger may have written.

#include <cstdint>
#include <limits>

namespace wishart {

/// The sum, or the largest or smallest number of 64 bits if it lies beyond.
[[nodiscard]] constexpr std::int64_t saturated_sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

}  // namespace wishart
