#include "wishart/fit/no_tail.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/fit/thresholds.hpp"

#include "null_alpha_table.hpp"

namespace wishart::fit {
namespace {

double scatter_of(std::span<const double> ascending, const Shape& shape) {
  // As shares of the largest, so that nothing overflows.
  const long double largest = ascending.back();
  const auto n = static_cast<long double>(ascending.size());
  long double sum = 0;
  for (const double value : ascending) sum += value / largest;
  const long double mean = sum / n;
  long double squares = 0;
  for (const double value : ascending) {
    const long double distance = value / largest - mean;
    squares += distance * distance;
  }
  const long double variance = squares / n / (mean * mean);
  const auto rows = static_cast<long double>(shape.long_side * shape.views);
  return static_cast<double>(variance * rows / n);
}

std::vector<double> logs_over_first(std::span<const double> ascending) {
  std::vector<double> u(ascending.size());
  std::transform(ascending.begin(), ascending.end(), u.begin(),
                 [&](double value) { return std::log(value / ascending.front()); });
  return u;
}

double mean_of(std::span<const double> values) {
  long double sum = 0;
  for (const double value : values) sum += value;
  return static_cast<double>(sum / static_cast<long double>(values.size()));
}

double uniform_ratio(std::span<const double> ascending) {
  const std::vector<double> u = logs_over_first(ascending);
  const double exponent = 1 / mean_of(u);
  // Densities of u; that of the uniform law in x is e^u / (e^max - 1).
  const double log_factor = u.back() + std::log(-std::expm1(-u.back())) + std::log(exponent);
  std::vector<double> difference(u.size());
  std::transform(u.begin(), u.end(), difference.begin(),
                 [&](double value) { return value - log_factor + exponent * value; });
  const double mean = mean_of(difference);
  long double squares = 0;
  for (const double value : difference) squares += (value - mean) * (value - mean);
  const auto deviation = static_cast<double>(std::sqrt(squares));
  return deviation > 0 ? mean * static_cast<double>(u.size()) / deviation : 0;
}

double rise_of(std::span<const double> ascending) {
  const std::vector<double> u = logs_over_first(ascending.subspan(ascending.size() / 2));
  if (!(u.back() > 0)) return 0;
  // The mean of m uniform numbers has the variance 1 / (12 m).
  return (mean_of(u) / u.back() - 0.5) * std::sqrt(12 * static_cast<double>(u.size()));
}

}  // namespace

TailEvidence tail_evidence(std::span<const double> ascending, const Shape& shape) {
  return {scatter_of(ascending, shape), uniform_ratio(ascending), rise_of(ascending)};
}

double alpha_of_noise(const Shape& shape) {
  const Shape whole{shape.long_side * shape.views, shape.short_side * shape.views};
  const double last_side =
      std::exp2(kNullAlphaFirstSide + static_cast<double>(kNullAlpha.size()) - 1);
  const double last_aspect = std::exp2(static_cast<double>(kNullAlpha.front().size()) - 1);
  const auto side = static_cast<double>(whole.short_side);
  const double aspect = static_cast<double>(whole.long_side) / side;
  return null_alpha(whole).mean *
         std::sqrt(std::max(1.0, side / last_side) * std::max(1.0, aspect / last_aspect));
}

std::string why_no_tail(std::span<const double> ascending, const Shape& shape, double alpha) {
  if (!(ascending.front() < ascending.back())) return "all eigenvalues above the floor are equal";
  const double noise = alpha_of_noise(shape);
  if (alpha > kMostAlpha && alpha > kMostOfNoise * noise) {
    return "nearly equal: alpha " + rounded(alpha, 2) + ", of noise " + rounded(noise, 2);
  }
  const TailEvidence evidence = tail_evidence(ascending, shape);
  if (evidence.scatter < kLeastScatter && evidence.uniform_R > kUniformBetter) {
    return "spread evenly over " + rounded(evidence.scatter, 2) + " of noise's scatter";
  }
  if (evidence.rise > kRises) return "the density rises to the largest value";
  return {};
}

}  // namespace wishart::fit
