#include "statistics/percentile.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace wishart::analysis {
namespace {

/// On the line from (x0, y0) to (x1, y1).
double between(double x0, double y0, double x1, double y1, double x) {
  return y0 + (y1 - y0) * ((x - x0) / (x1 - x0));
}

}  // namespace

double level_of(std::span<const double> levels, std::span<const double> values,
                double value) noexcept {
  if (!std::isfinite(value)) return std::numeric_limits<double>::quiet_NaN();
  const auto [first, last] = std::equal_range(values.begin(), values.end(), value);
  const auto i = static_cast<std::size_t>(first - values.begin());
  const auto j = static_cast<std::size_t>(last - values.begin());
  if (i < j) return (levels[i] + levels[j - 1]) / 2;
  if (i == 0) return levels.front();
  if (i == values.size()) return levels.back();
  return between(values[i - 1], levels[i - 1], values[i], levels[i], value);
}

double value_at(std::span<const double> levels, std::span<const double> values,
                double level) noexcept {
  const auto i = static_cast<std::size_t>(std::lower_bound(levels.begin(), levels.end(), level) -
                                          levels.begin());
  if (i == 0) return values.front();
  if (i == levels.size()) return values.back();
  return between(levels[i - 1], values[i - 1], levels[i], values[i], level);
}

}  // namespace wishart::analysis
