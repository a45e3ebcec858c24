#pragma once

/// @file
/// Internal: a chart with a row for each name, and in it dots with their intervals.

#include <limits>
#include <string>
#include <vector>

#include "figure/figure.hpp"

namespace wishart::report {

/// A value with its interval; NaN where there is none. A value that is not finite is not drawn.
struct Interval {
  double value = 0;
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
  std::size_t series = 0;
  std::string about;  ///< what the value is, for the tooltip; may be untrusted
};

struct IntervalRow {
  std::string name;  ///< may be untrusted
  std::vector<Interval> intervals;
};

/// The figure with its rows drawn: the first row uppermost, the intervals of a row below each
/// other. Nothing if no row has a value.
/// @param figure  with caption and description
/// @param label   of the values
/// @param zero    the axis contains 0, and a line is drawn there
[[nodiscard]] std::vector<Figure> interval_rows(Figure figure, const std::vector<IntervalRow>& rows,
                                                const std::string& label, bool zero);

}  // namespace wishart::report
