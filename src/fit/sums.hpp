#pragma once

/// @file
/// Sums and parts of lists of values.

#include <algorithm>
#include <span>

namespace wishart::fit {

/// Added in long double, in the order of the list.
[[nodiscard]] inline double sum_of(std::span<const double> values) {
  long double sum = 0;
  for (const double value : values) sum += value;
  return static_cast<double>(sum);
}

/// The part of an ascending list that is strictly above `floor`.
[[nodiscard]] inline std::span<const double> above(std::span<const double> ascending,
                                                   double floor) {
  const auto first = std::upper_bound(ascending.begin(), ascending.end(), floor);
  return ascending.subspan(static_cast<std::size_t>(first - ascending.begin()));
}

}  // namespace wishart::fit
