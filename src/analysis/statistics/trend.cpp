#include "wishart/analysis/trend.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"

#include "statistics/student.hpp"

namespace wishart::analysis {
namespace {

constexpr std::size_t kLeastPoints = 3;
constexpr double kStrong = 6;

struct Line {
  double slope = kNan;
  double spread = kNan;   ///< sum of (x - mean)^2
  double squares = kNan;  ///< of the residuals
};

Line fitted(const double* x, const double* y, std::size_t count) {
  const auto n = static_cast<double>(count);
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < count; ++i) mean_x += x[i] / n, mean_y += y[i] / n;
  double xx = 0;
  double xy = 0;
  for (std::size_t i = 0; i < count; ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  Line line{xx > 0 ? xy / xx : 0, xx, 0};
  for (std::size_t i = 0; i < count; ++i) {
    const double r = y[i] - mean_y - line.slope * (x[i] - mean_x);
    line.squares += r * r;
  }
  return line;
}

void split_at(const std::vector<double>& x, const std::vector<double>& y, std::size_t first,
              std::size_t last, double least, std::vector<std::size_t>& found) {
  const std::size_t count = last - first;
  if (count < 2 * kLeastPoints) return;
  const double whole = fitted(&x[first], &y[first], count).squares;
  std::size_t best = 0;
  double best_squares = whole;
  for (std::size_t at = first + kLeastPoints; at + kLeastPoints <= last; ++at) {
    const double squares = fitted(&x[first], &y[first], at - first).squares +
                           fitted(&x[at], &y[at], last - at).squares;
    if (squares < best_squares) best_squares = squares, best = at;
  }
  if (best == 0) return;
  // For a perfect fit the logarithm is infinite, so use at least `least`, the rounding relative to
  // y.
  const auto n = static_cast<double>(count);
  const double gain = n * std::log(std::max(whole, least) / std::max(best_squares, least)) -
                      3 * std::log(n);  // two more parameters, and the position
  if (gain <= kStrong) return;
  split_at(x, y, first, best, least, found);
  found.push_back(best);
  split_at(x, y, best, last, least, found);
}

}  // namespace

Trend trend_of(const std::vector<double>& x, const std::vector<double>& y) {
  require(x.size() == y.size(), "trend_of needs two series of the same length");
  std::vector<double> a;
  std::vector<double> b;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    a.push_back(x[i]), b.push_back(y[i]);
  }
  Trend trend;
  trend.count = static_cast<std::int64_t>(a.size());
  if (a.size() < kLeastPoints) return trend;
  const Line line = fitted(a.data(), b.data(), a.size());
  if (!(line.spread > 0)) return trend;
  const std::size_t freedom = a.size() - 2;
  const double t = student95(static_cast<std::int64_t>(freedom));
  const double error = std::sqrt(line.squares / static_cast<double>(freedom) / line.spread);
  trend.slope = line.slope;
  trend.low = line.slope - t * error;
  trend.high = line.slope + t * error;
  return trend;
}

std::vector<std::size_t> change_points(const std::vector<double>& x, const std::vector<double>& y) {
  require(x.size() == y.size(), "change_points needs two series of the same length");
  double size = 0;
  for (const double value : y) {
    if (!std::isfinite(value)) return {};
    size += value * value;
  }
  std::vector<std::size_t> found;
  split_at(x, y, 0, x.size(), size * 1e-24 + 1e-300, found);
  return found;
}

}  // namespace wishart::analysis
