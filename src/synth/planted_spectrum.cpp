#include "wishart/synth/planted_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "wishart/core/error.hpp"

namespace wishart::synth {
namespace {

/// The tail begins where its law, continued downwards, would have put 1/3 more values above the
/// edge of the bulk. This gap is wide enough for the planted xmin to be the best one.
constexpr double kGapSurvival = 0.75;

/// The ratio of each spike's eigenvalue to the next lower one.
constexpr double kSpikeFactor = 2.0;

constexpr std::size_t kIntervals = 8192;

/// Upper edge of the Marchenko-Pastur law of variance 1.
double bulk_edge(double q) {
  const double root = 1 + 1 / std::sqrt(q);
  return root * root;
}

/// The law in terms of the angle t, lambda = middle - radius cos t, in which it is smooth up to
/// both edges.
class AngleLaw {
public:
  explicit AngleLaw(double q)
      : q_(q), middle_(1 + 1 / q), radius_(2 / std::sqrt(q)), lower_(middle_ - radius_) {}

  [[nodiscard]] double lambda(double t) const {
    const double half = std::sin(t / 2);
    return lower_ + 2 * radius_ * half * half;  // no cancellation near the lower edge
  }
  [[nodiscard]] double density(double t) const {
    const double height = radius_ * std::sin(t);
    const double value = lambda(t);
    // For q = 1 the law begins at 0, where height^2 / lambda tends to 2 radius.
    const double ratio = value > 0 ? height * height / value : 2 * radius_;
    return q_ * ratio / (2 * std::numbers::pi);
  }

private:
  double q_;
  double middle_;
  double radius_;
  double lower_;
};

/// n eigenvalues xmin, ... whose maximum-likelihood exponent is exactly `alpha`: Pareto quantiles
/// j / n, with the logarithms stretched by a few per cent so that their mean is 1 / (alpha - 1).
std::vector<double> pareto_tail(std::int64_t n, double xmin, double alpha) {
  std::vector<double> logs(static_cast<std::size_t>(n));
  double sum = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    logs[static_cast<std::size_t>(j)] =
        -std::log1p(-static_cast<double>(j) / static_cast<double>(n));
    sum += logs[static_cast<std::size_t>(j)];
  }
  const double stretch = static_cast<double>(n) / (sum * (alpha - 1));
  std::vector<double> values;
  values.reserve(logs.size());
  for (const double log : logs) values.push_back(xmin * std::exp(stretch * log));
  return values;
}

}  // namespace

std::vector<double> marchenko_pastur_quantiles(std::int64_t count, double q) {
  const AngleLaw law(q);
  const double step = std::numbers::pi / static_cast<double>(kIntervals);
  // The distribution function at the grid, by Simpson's rule.
  std::vector<double> sums(kIntervals + 1);
  for (std::size_t i = 0; i < kIntervals; ++i) {
    const double t = step * static_cast<double>(i);
    sums[i + 1] =
        sums[i] +
        step / 6 * (law.density(t) + 4 * law.density(t + step / 2) + law.density(t + step));
  }
  std::vector<double> quantiles;
  quantiles.reserve(static_cast<std::size_t>(count));
  std::size_t i = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const double target =
        (static_cast<double>(k) + 0.5) / static_cast<double>(count) * sums[kIntervals];
    while (i + 1 < kIntervals && sums[i + 1] < target) ++i;
    // Inside the interval the density is taken to be linear. This gives a quadratic equation, which
    // is solved by two fixed-point steps from the chord.
    const double t = step * static_cast<double>(i);
    const double wanted = target - sums[i];
    double x = step * wanted / (sums[i + 1] - sums[i]);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const double mean = (law.density(t) + law.density(t + x)) / 2;
      if (mean > 0) x = std::min(wanted / mean, step);
    }
    quantiles.push_back(law.lambda(t + x));
  }
  return quantiles;
}

PlantedSpectrum planted_spectrum(std::int64_t rows, std::int64_t cols,
                                 const SpectrumRecipe& recipe) {
  require(rows >= 1 && cols >= 1, "planted_spectrum: the matrix must have elements");
  require(
      recipe.alpha > 1 && recipe.tail_share >= 0 && recipe.tail_share <= 1 && recipe.spikes >= 0,
      "planted_spectrum: alpha > 1, 0 <= tail_share <= 1, spikes >= 0");
  const std::int64_t count = std::min(rows, cols);
  const double q = static_cast<double>(std::max(rows, cols)) / static_cast<double>(count);
  PlantedSpectrum spectrum;
  const auto wanted = std::llround(recipe.tail_share * static_cast<double>(count));
  // An exponent needs two values.
  if (recipe.tail_share > 0 && count >= 2) {
    spectrum.num_tail = std::clamp<std::int64_t>(wanted, 2, count);
  }
  spectrum.spikes = std::min(recipe.spikes, count - spectrum.num_tail);
  std::vector<double> lambda =
      marchenko_pastur_quantiles(count - spectrum.num_tail - spectrum.spikes, q);
  double top = bulk_edge(q);
  if (spectrum.num_tail > 0) {
    spectrum.xmin = top * std::pow(kGapSurvival, -1 / (recipe.alpha - 1));
    const auto tail = pareto_tail(spectrum.num_tail, spectrum.xmin, recipe.alpha);
    lambda.insert(lambda.end(), tail.begin(), tail.end());
    top = tail.back();
  }
  for (std::int64_t k = 0; k < spectrum.spikes; ++k) lambda.push_back(top *= kSpikeFactor);

  double sum = 0;
  for (const double value : lambda) sum += value;
  const double scale = static_cast<double>(rows) * static_cast<double>(cols) / sum;
  spectrum.sigma.reserve(lambda.size());
  for (const double value : lambda) spectrum.sigma.push_back(std::sqrt(value * scale));
  if (spectrum.num_tail > 0) {
    spectrum.xmin *= scale;
    double logs = 0;
    for (std::int64_t k = count - spectrum.num_tail - spectrum.spikes; k < count; ++k) {
      logs += std::log(lambda[static_cast<std::size_t>(k)] * scale / spectrum.xmin);
    }
    spectrum.alpha_fit = 1 + static_cast<double>(spectrum.num_tail + spectrum.spikes) / logs;
  }
  return spectrum;
}

double rounding_bound(std::int64_t rows, std::int64_t cols, double rms, int precision_bits) {
  const double unit = std::ldexp(1.0, -precision_bits);
  return unit / std::numbers::sqrt3 * rms *
         (std::sqrt(static_cast<double>(rows)) + std::sqrt(static_cast<double>(cols)));
}

}  // namespace wishart::synth
