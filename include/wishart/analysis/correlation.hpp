#pragma once

/// @file
/// Three correlation coefficients of two series, each with an interval.

#include <cstdint>
#include <span>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

enum class Coefficient : std::uint8_t {
  pearson,
  spearman,  ///< Pearson's coefficient of the ranks; ties get their mean rank
  kendall,   ///< tau-b
};

/// A coefficient with its 95 % interval. The value is NaN for fewer than 3 pairs or a constant
/// series, the interval for fewer than 5 pairs.
struct Correlation {
  double value = kNan;
  double low = kNan;
  double high = kNan;
  std::int64_t count = 0;  ///< pairs of finite values; the others are left out
};

/// The interval is Fisher's: atanh(value) +- 1.96 se, with se^2 = 1 / (n - 3) for Pearson,
/// (1 + r^2 / 2) / (n - 3) for Spearman, 0.437 / (n - 4) for Kendall (Bonett and Wright,
/// Psychometrika 65 (2000) 23, equations 2 to 4).
/// @pre x and y have the same length
[[nodiscard]] Correlation correlate(Coefficient coefficient, std::span<const double> x,
                                    std::span<const double> y);

/// The common coefficient of several groups, with its interval: from the mean of their atanh,
/// weighted by 1 / se^2. Groups without an interval are left out. Coefficients of +-1 are replaced
/// by +-(1 - 1e-9).
[[nodiscard]] Correlation pooled(Coefficient coefficient, std::span<const Correlation> groups);

}  // namespace wishart::analysis
