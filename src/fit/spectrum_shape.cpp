#include "wishart/fit/spectrum_shape.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"

#include "sums.hpp"

namespace wishart::fit {
namespace {

/// Interquartile range of a normal distribution with standard deviation 1, as Spectrum rounds it.
constexpr double kNormalQuartiles = 1.349;
/// The most that unresolved values may contribute to the noise, as a share of it.
constexpr double kUnresolvedNoise = 0.01;
/// Partial sums of energy may be this much smaller than the share asked for: more than the rounding
/// of sums, less than any share that somebody means.
constexpr double kSumSlack = 1e-12;

/// The quantile with linear interpolation between order statistics, as numpy and PyTorch have it.
/// Values up to `floor` count as zeros.
double quantile(std::span<const double> ascending, double floor, double share) {
  const double place = share * static_cast<double>(ascending.size() - 1);
  const auto index = static_cast<std::size_t>(place);
  const auto value = [&](std::size_t i) {
    const double found = ascending[std::min(i, ascending.size() - 1)];
    return found > floor ? found : 0;
  };
  const double below = value(index);
  return below + (place - std::floor(place)) * (value(index + 1) - below);
}

}  // namespace

double resolved_above(double floor_sigma, double sigma_max, std::int64_t long_side) {
  const double rounding =
      sigma_max * static_cast<double>(long_side) * std::numeric_limits<double>::epsilon();
  return std::isnan(floor_sigma) ? rounding : std::max(floor_sigma, rounding);
}

std::int64_t energy_rank(std::span<const double> sigma, double floor_sigma, double share) {
  require(share > 0 && share <= 1, "energy_rank needs a share above 0 and at most 1");
  const std::span<const double> resolved = above(sigma, floor_sigma);
  long double total = 0;
  for (const double value : resolved) total += static_cast<long double>(value) * value;
  const long double enough = share * total * (1 - kSumSlack);
  long double sum = 0;
  std::int64_t rank = 0;
  for (auto value = resolved.rbegin(); value != resolved.rend() && sum < enough; ++value, ++rank) {
    sum += static_cast<long double>(*value) * *value;
  }
  return rank;
}

double spectrum_snr(std::span<const double> sigma, double floor_sigma, std::int64_t long_side,
                    std::int64_t short_side) {
  if (above(sigma, floor_sigma).empty()) return SpectrumShape::kUnknown;
  const double range = quantile(sigma, floor_sigma, 0.75) - quantile(sigma, floor_sigma, 0.25);
  const double aspect = static_cast<double>(short_side) / static_cast<double>(long_side);
  const double edge = range / kNormalQuartiles * (1 + std::sqrt(aspect));
  const std::span<const double> signal = above(sigma, std::max(edge, floor_sigma));
  const std::span<const double> rest = sigma.first(sigma.size() - signal.size());
  const std::span<const double> noise = above(rest, floor_sigma);
  const double unresolved = static_cast<double>(rest.size() - noise.size()) * floor_sigma;
  const double sum = rest.empty() ? 1 : sum_of(noise);
  if (sum == 0 || (!rest.empty() && unresolved > kUnresolvedNoise * sum)) {
    return SpectrumShape::kUnknown;
  }
  return sum_of(signal) / sum / sigma.back();
}

SpectrumShape spectrum_shape(std::span<const double> sigma, double floor_sigma,
                             std::int64_t long_side, std::int64_t short_side) {
  SpectrumShape shape;
  const std::span<const double> resolved = above(sigma, floor_sigma);
  shape.nuclear_norm = sum_of(resolved);
  if (resolved.empty()) return shape;
  long double entropy = 0;
  long double squares = 0;
  long double fourth = 0;
  const double largest = resolved.back();
  for (const double value : resolved) {
    const long double p = static_cast<long double>(value) / shape.nuclear_norm;
    entropy -= p * std::log(p);
    const long double lambda = static_cast<long double>(value / largest) * (value / largest);
    squares += lambda;
    fourth += lambda * lambda;
  }
  shape.effective_rank = static_cast<double>(std::exp(entropy));
  shape.participation_ratio = static_cast<double>(squares * squares / fourth);
  shape.rank_90 = energy_rank(sigma, floor_sigma, 0.90);
  shape.rank_95 = energy_rank(sigma, floor_sigma, 0.95);
  shape.rank_99 = energy_rank(sigma, floor_sigma, 0.99);
  shape.snr = spectrum_snr(sigma, floor_sigma, long_side, short_side);
  return shape;
}

}  // namespace wishart::fit
