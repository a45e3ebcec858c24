#pragma once

/// @file
/// Sizes in whole units.

#include <cstdint>

namespace wishart {

/// The smallest multiple of `step` that is at least `value`. @pre value >= 0, step > 0
[[nodiscard]] constexpr std::int64_t rounded_up(std::int64_t value, std::int64_t step) noexcept {
  return (value + step - 1) / step * step;
}

}  // namespace wishart
