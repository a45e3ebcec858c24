#pragma once

/// @file
/// The middle of several measurements.

#include <algorithm>
#include <vector>

namespace wishart::bench {

/// Of an even number the upper of the two. @pre not empty
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace wishart::bench
