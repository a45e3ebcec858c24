#pragma once

/// @file
/// How a series changes: its slope, and the points where the slope changes.

#include <cstdint>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// The slope of a metric per doubling of tokens (of steps, if tokens are not known), by least
/// squares over checkpoints with step > 0, and its 95 % interval (Student's t). NaN for fewer than
/// 3 checkpoints.
struct Trend {
  double slope = kNan;
  double low = kNan;
  double high = kNan;
  std::int64_t count = 0;
};

/// The points where the trend of (x, y) changes: the first points of new lines. A series is split
/// in two as long as two lines lower the Bayesian information criterion by more than 6 ("strong",
/// Kass and Raftery, J. Am. Stat. Assoc. 90 (1995) 773). Each line has at least 3 points.
[[nodiscard]] std::vector<std::size_t> change_points(const std::vector<double>& x,
                                                     const std::vector<double>& y);

/// Pairs with a value that is not finite are left out.
/// @pre x and y have the same length
[[nodiscard]] Trend trend_of(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace wishart::analysis
