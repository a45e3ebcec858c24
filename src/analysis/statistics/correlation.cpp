#include "wishart/analysis/correlation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "wishart/core/error.hpp"

#include "statistics/normal.hpp"

namespace wishart::analysis {
namespace {

/// The atanh of a coefficient of 1 is infinite. Synthetic data reach it.
constexpr double kLargest = 1 - 1e-9;

double fisher(double r) { return std::atanh(std::clamp(r, -kLargest, kLargest)); }

/// Standard error of `fisher(r)` for n pairs; NaN if undefined.
double fisher_error(Coefficient coefficient, double r, std::int64_t n) {
  const auto count = static_cast<double>(n);
  if (n < 5 || std::isnan(r)) return kNan;
  switch (coefficient) {
    case Coefficient::spearman:
      return std::sqrt((1 + r * r / 2) / (count - 3));
    case Coefficient::kendall:
      return std::sqrt(0.437 / (count - 4));
    case Coefficient::pearson:
      break;
  }
  return 1 / std::sqrt(count - 3);
}

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (!(xx > 0) || !(yy > 0)) return kNan;
  return std::clamp(xy / std::sqrt(xx) / std::sqrt(yy), -1.0, 1.0);
}

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = (static_cast<double>(begin) + static_cast<double>(end) + 1) / 2;
    for (; begin < end; ++begin) out[order[begin]] = rank;
  }
  return out;
}

double kendall(const std::vector<double>& x, const std::vector<double>& y) {
  const auto sign = [](double d) { return d > 0 ? 1 : d < 0 ? -1 : 0; };
  std::int64_t sum = 0;
  std::int64_t unequal_x = 0;
  std::int64_t unequal_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t k = i + 1; k < x.size(); ++k) {
      const int a = sign(x[i] - x[k]);
      const int b = sign(y[i] - y[k]);
      sum += std::int64_t{a} * b;
      unequal_x += a != 0 ? 1 : 0;
      unequal_y += b != 0 ? 1 : 0;
    }
  }
  if (unequal_x == 0 || unequal_y == 0) return kNan;
  return static_cast<double>(sum) / std::sqrt(static_cast<double>(unequal_x)) /
         std::sqrt(static_cast<double>(unequal_y));
}

Correlation with_interval(Correlation c, double center, double error) {
  if (std::isnan(error)) return c;
  c.low = std::tanh(center - kNormal95 * error);
  c.high = std::tanh(center + kNormal95 * error);
  return c;
}

}  // namespace

Correlation correlate(Coefficient coefficient, std::span<const double> x,
                      std::span<const double> y) {
  require(x.size() == y.size(), "correlate needs two series of the same length");
  std::vector<double> a;
  std::vector<double> b;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    a.push_back(x[i]);
    b.push_back(y[i]);
  }
  Correlation c;
  c.count = static_cast<std::int64_t>(a.size());
  if (c.count < 3) return c;
  c.value = coefficient == Coefficient::pearson    ? pearson(a, b)
            : coefficient == Coefficient::spearman ? pearson(ranks(a), ranks(b))
                                                   : kendall(a, b);
  return with_interval(c, fisher(c.value), fisher_error(coefficient, c.value, c.count));
}

Correlation pooled(Coefficient coefficient, std::span<const Correlation> groups) {
  double sum = 0;
  double weight = 0;
  Correlation c;
  for (const Correlation& group : groups) {
    const double error = fisher_error(coefficient, group.value, group.count);
    if (std::isnan(error)) continue;
    sum += fisher(group.value) / (error * error);
    weight += 1 / (error * error);
    c.count += group.count;
  }
  if (!(weight > 0)) return c;
  c.value = std::tanh(sum / weight);
  return with_interval(c, sum / weight, 1 / std::sqrt(weight));
}

}  // namespace wishart::analysis
