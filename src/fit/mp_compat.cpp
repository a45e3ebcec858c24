#include "wishart/fit/mp_compat.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace wishart::fit {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kBandwidth = 0.1;
constexpr std::size_t kGridPoints = 1000;

/// The points of the density estimate that are used.
struct Density {
  std::vector<double> at;
  std::vector<double> value;
  double peak = 0;
};

/// Mean over the values of (1 - |u| / h) / h for |u| < h, u = x - value.
Density kernel_density(const std::vector<double>& ascending) {
  Density density;
  double highest = -1;
  const double end = ascending.back() + 0.5;
  for (std::size_t i = 0; i < kGridPoints; ++i) {
    const double x = end * static_cast<double>(i) / static_cast<double>(kGridPoints - 1);
    const auto first = std::lower_bound(ascending.begin(), ascending.end(), x - kBandwidth);
    const auto last = std::upper_bound(first, ascending.end(), x + kBandwidth);
    double sum = 0;
    for (auto value = first; value != last; ++value) {
      sum += std::max(0.0, 1 - std::abs(x - *value) / kBandwidth);
    }
    const double height = sum / kBandwidth / static_cast<double>(ascending.size());
    if (!(height > 0.01)) continue;
    if (height > highest) {
      highest = height;
      density.peak = x;
    }
    density.at.push_back(x);
    density.value.push_back(height);
  }
  return density;
}

/// The sum of step 3 for one sigma.
double misfit(const Density& density, double aspect_ratio, double sigma) {
  const bool square = aspect_ratio == 1;
  const double root = 1 / std::sqrt(aspect_ratio);
  const double low = std::pow(sigma * (1 - root), 2);
  const double high = std::pow(sigma * (1 + root), 2);
  const double variance = sigma * sigma;
  if (!square && (high < density.peak || high > density.at.back() || low > density.peak)) {
    return 1e6 * static_cast<double>(density.at.size());
  }
  double sum = 0;
  for (std::size_t i = 0; i < density.at.size(); ++i) {
    const double x = density.at[i];
    const double inside = square ? 4 - x * x : (high - x) * (x - low);
    double law = inside >= 0 ? std::sqrt(inside) / (kPi * variance) : 0;
    if (!square) law *= aspect_ratio / (2 * x);
    if (!std::isfinite(law)) law = 0;
    sum += (law - density.value[i]) * (law - density.value[i]);
  }
  return sum;
}

/// Nelder and Mead's method in one dimension, with the steps and the tolerances (1e-4) of SciPy's
/// fmin.
double polished(const std::function<double(double)>& f, double start) {
  double best = start;
  double other = start == 0 ? 0.00025 : start * 1.05;
  double f_best = f(best);
  double f_other = f(other);
  for (int step = 0; step < 200; ++step) {
    if (f_other < f_best) {
      std::swap(best, other);
      std::swap(f_best, f_other);
    }
    if (std::abs(other - best) <= 1e-4 && std::abs(f_other - f_best) <= 1e-4) break;
    const double reflected = 2 * best - other;
    const double f_reflected = f(reflected);
    if (f_reflected < f_best) {
      const double expanded = 3 * best - 2 * other;
      const double f_expanded = f(expanded);
      const bool further = f_expanded < f_reflected;
      other = further ? expanded : reflected;
      f_other = further ? f_expanded : f_reflected;
      continue;
    }
    // In one dimension the best point is also the second worst, so contract.
    const bool outside = f_reflected < f_other;
    const double contracted = outside ? 1.5 * best - 0.5 * other : 0.5 * best + 0.5 * other;
    const double f_contracted = f(contracted);
    if (outside ? f_contracted <= f_reflected : f_contracted < f_other) {
      other = contracted;
      f_other = f_contracted;
    } else {
      other = best + 0.5 * (other - best);
      f_other = f(other);
    }
  }
  return f_other < f_best ? other : best;
}

}  // namespace

CompatBulkFit compat_bulk_fit(std::span<const double> ascending, std::int64_t long_side,
                              std::int64_t short_side) {
  const double aspect_ratio = static_cast<double>(long_side) / static_cast<double>(short_side);
  const double root = 1 / std::sqrt(aspect_ratio);
  double sum = 0;
  for (const double value : ascending) sum += value;
  const auto n = static_cast<double>(ascending.size());
  CompatBulkFit fit;
  fit.W_scale = std::sqrt(n) / std::sqrt(sum);
  const double scale = fit.W_scale * fit.W_scale;
  const double largest = scale * ascending.back();
  std::vector<double> values(ascending.size());
  std::transform(ascending.begin(), ascending.end(), values.begin(), [&](double value) {
    return aspect_ratio == 1 ? std::sqrt(scale * value) : scale * value;
  });
  const Density density = kernel_density(values);
  const auto objective = [&](double sigma) { return misfit(density, aspect_ratio, sigma); };
  const double unit = std::sqrt(largest) / (1 + root);
  double best = 0;
  double least = 0;
  const auto steps = static_cast<int>(std::ceil((2.0 - 0.05) / 0.01 - 1e-9));
  for (int i = 0; i < steps; ++i) {
    const double sigma = unit * (0.05 + 0.01 * i);
    const double value = objective(sigma);
    if (i > 0 && !(value < least)) continue;
    best = sigma;
    least = value;
  }
  fit.at_bound = best == unit * 0.05;
  fit.sigma_mp = polished(objective, best);
  const double high = std::pow(fit.sigma_mp * (1 + root), 2);
  const double low = std::pow(fit.sigma_mp * (1 - root), 2);
  const double width =
      root * std::pow(high, 2.0 / 3) * std::pow(static_cast<double>(short_side), -2.0 / 3);
  const double threshold = high + std::sqrt(width);
  fit.num_spikes = std::count_if(ascending.begin(), ascending.end(),
                                 [&](double value) { return scale * value > threshold; });
  fit.mp_softrank = high / largest;
  fit.bulk_max = high / scale;
  fit.bulk_min = low / scale;
  return fit;
}

}  // namespace wishart::fit
