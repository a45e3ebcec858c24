#include "wishart/fit/null_model.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "wishart/fit/thresholds.hpp"
#include "wishart/record/rows.hpp"

#include "null_alpha_table.hpp"
#include "sums.hpp"
#include "tracy_widom_table.hpp"

namespace wishart::fit {
namespace {

/// ln of exp(-2/3 s^(3/2)) / (4 sqrt(pi) s^(3/4)), the leading term of P(TW1 > s).
double log_asymptotic(double s) {
  constexpr double kLog4SqrtPi = 1.9586592860400325;  // ln(4 sqrt(pi))
  return -2.0 / 3.0 * s * std::sqrt(s) - kLog4SqrtPi - 0.75 * std::log(s);
}

/// The cubic through four equidistant values, at 0 <= t <= 1 between the second and the third.
double cubic(const double* v, double t) {
  const double a = v[1];
  const double b = v[2] - v[0] / 3 - v[1] / 2 - v[3] / 6;
  const double c = (v[0] + v[2]) / 2 - v[1];
  const double d = (v[1] - v[2]) / 2 + (v[3] - v[0]) / 6;
  return a + t * (b + t * (c + t * d));
}

double as_double(std::int64_t value) { return static_cast<double>(value); }

}  // namespace

double tracy_widom_survival(double s) {
  if (std::isnan(s)) return kNan;
  const auto& table = kTracyWidomLogTail;
  const double last = kTracyWidomFirst + kTracyWidomStep * static_cast<double>(table.size() - 1);
  if (s <= kTracyWidomFirst) return 1;
  if (s >= last) return std::exp(table.back() + log_asymptotic(s) - log_asymptotic(last));
  const double position = (s - kTracyWidomFirst) / kTracyWidomStep;
  const auto cell = static_cast<std::size_t>(position);
  const std::size_t first = std::clamp<std::size_t>(cell, 1, table.size() - 3) - 1;
  const double t = position - static_cast<double>(first + 1);
  return std::min(1.0, std::exp(cubic(table.data() + first, t)));
}

EdgeLaw edge_law(double long_side, double short_side) {
  const double a = std::sqrt(std::max(long_side - 0.5, 1e-9));
  const double b = std::sqrt(std::max(short_side - 0.5, 1e-9));
  return {(a + b) * (a + b), (a + b) * std::cbrt(1 / a + 1 / b)};
}

double largest_p(double largest, double variance, double long_side, double short_side,
                 double views) {
  const EdgeLaw law = edge_law(long_side, short_side);
  const double of_one = tracy_widom_survival((largest / variance - law.centre) / law.scale);
  return std::min(1.0, views * of_one);
}

std::int64_t count_spikes(std::span<const double> ascending, double variance, const Shape& shape) {
  const auto first = std::partition_point(ascending.begin(), ascending.end(), [&](double value) {
    return !(largest_p(value, variance, as_double(shape.long_side), as_double(shape.short_side),
                       as_double(shape.views)) < kSpikeLevel);
  });
  return ascending.end() - first;
}

Bulk bulk_of(double long_side, double short_side, double variance) {
  const double a = std::sqrt(long_side);
  const double b = std::sqrt(short_side);
  return {variance * (a - b) * (a - b), variance * (a + b) * (a + b)};
}

double marchenko_pastur_cdf(double x, double aspect) {
  // With x = 1 + s^2 - 2 s cos(theta), s = sqrt(aspect), the density becomes
  // (2 / pi) sin^2(theta) / (1 + s^2 - 2 s cos(theta)), whose integral is elementary.
  const double s = std::sqrt(aspect);
  const double cosine = (1 + aspect - x) / (2 * s);
  if (cosine >= 1) return 0;
  if (cosine <= -1) return 1;
  const double theta = std::acos(cosine);
  const double angle = std::atan2((1 + s) * std::sin(theta / 2), (1 - s) * std::cos(theta / 2));
  const double integral = std::sin(theta) / (2 * s) + (1 + aspect) * theta / (4 * aspect) -
                          (1 - aspect) / (2 * aspect) * angle;
  return std::clamp(integral * 2 / 3.141592653589793, 0.0, 1.0);
}

FreeNull free_null(std::span<const double> ascending, const Shape& shape) {
  FreeNull null;
  const double rows = as_double(shape.long_side);
  const double cols = as_double(shape.short_side);
  const double variance = sum_of(ascending) / (rows * cols * as_double(shape.views));
  if (!(variance > 0)) return {kNan, kNan, 0, kNan};
  null.edge = bulk_of(rows, cols, variance).high;
  null.softrank = null.edge / ascending.back();
  null.num_spikes = count_spikes(ascending, variance, shape);
  null.p = largest_p(ascending.back(), variance, rows, cols, as_double(shape.views));
  return null;
}

BulkFit fit_bulk(std::span<const double> ascending, const Shape& shape, double unresolved) {
  BulkFit fit;
  const double rows = as_double(shape.long_side);
  const double views = as_double(shape.views);
  const std::size_t n = ascending.size();
  // Sums from the smallest on: what is left below a huge eigenvalue is not the rounding error of a
  // difference, and never negative.
  std::vector<long double> sums{0};
  sums.reserve(n + 1);
  for (const double value : ascending)
    sums.push_back(sums.back() + (value > unresolved ? value : 0));
  // With k spikes over all views, each view has short_side - k / views columns left.
  std::size_t left = n;
  double cols = as_double(shape.short_side);
  for (; left > 1; --left) {
    const double largest = ascending[left - 1];
    if (!(sums[left] > 0)) break;
    const double variance = static_cast<double>(sums[left]) / (rows * cols * views);
    const double p = largest_p(largest, variance, rows, cols, views);
    if (!(p < kSpikeLevel)) break;
    fit.spike_p.push_back(p);
    cols -= 1 / views;
  }
  fit.variance = static_cast<double>(sums[left]) / (rows * cols * views);
  fit.bulk = bulk_of(rows, as_double(shape.short_side), fit.variance);
  fit.at_bound = 2 * fit.spike_p.size() > n || !(fit.variance > 0);
  if (!(fit.variance > 0)) fit.D = kNan;
  for (std::size_t i = 0; i < left && fit.variance > 0; ++i) {
    const double share = marchenko_pastur_cdf(ascending[i] / (fit.variance * rows), cols / rows);
    const auto count = static_cast<double>(left);
    fit.D = std::max({fit.D, share - static_cast<double>(i) / count,
                      static_cast<double>(i + 1) / count - share});
  }
  return fit;
}

NullAlpha null_alpha(const Shape& shape) {
  if (shape.views != 1 || shape.short_side < 1) return {kNan, kNan};
  // Bilinear in log2 of the short side and of the aspect ratio.
  const auto place = [](double value, double first, std::size_t count) {
    return std::clamp(std::log2(value) - first, 0.0, static_cast<double>(count - 1));
  };
  const double row = place(as_double(shape.short_side), kNullAlphaFirstSide, kNullAlpha.size());
  const double col =
      place(as_double(shape.long_side) / as_double(shape.short_side), 0, kNullAlpha.front().size());
  const auto i = std::min(static_cast<std::size_t>(row), kNullAlpha.size() - 2);
  const auto j = std::min(static_cast<std::size_t>(col), kNullAlpha.front().size() - 2);
  const double u = row - static_cast<double>(i);
  const double v = col - static_cast<double>(j);
  const auto blend = [&](auto member) {
    const auto at = [&](std::size_t a, std::size_t b) { return kNullAlpha[a][b].*member; };
    return (1 - u) * ((1 - v) * at(i, j) + v * at(i, j + 1)) +
           u * ((1 - v) * at(i + 1, j) + v * at(i + 1, j + 1));
  };
  return {blend(&NullAlpha::mean), blend(&NullAlpha::sd)};
}

}  // namespace wishart::fit
