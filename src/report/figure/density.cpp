#include "figure/density.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "wishart/record/layer_status.hpp"

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kMostBins = 60;
constexpr double kFewestBins = 8;
/// The width of a bin if all eigenvalues are equal.
constexpr double kLeastStep = 0.005;
constexpr std::size_t kCurvePoints = 64;
/// The end of a truncated tail, where its exponential factor is negligible: e^-40.
constexpr double kTruncatedEnd = 40;
constexpr std::size_t kIntegralSteps = 2000;

/// Points from `low` to `high`, denser towards the ends, where a bulk is steep.
template <class Density>
std::vector<Point> curve(double low, double high, const Density& density) {
  std::vector<Point> points;
  for (std::size_t k = 0; k <= kCurvePoints; ++k) {
    const double angle =
        std::numbers::pi * static_cast<double>(k) / static_cast<double>(kCurvePoints);
    const double x = (low + high) / 2 - (high - low) / 2 * std::cos(angle);
    points.push_back({x, density(x)});
  }
  return points;
}

/// The integral of (x / xmin)^-alpha e^(-Lambda (x - xmin)) from xmin to infinity, divided by xmin:
/// by the trapezoidal rule in ln(x / xmin). Exact for the pure power law, Lambda = 0.
double tail_integral(double alpha, double lambda_xmin) {
  if (!(lambda_xmin > 0)) return 1 / (alpha - 1);
  const double step = std::log1p(kTruncatedEnd / lambda_xmin) / static_cast<double>(kIntegralSteps);
  double sum = 0.5;
  for (std::size_t k = 1; k < kIntegralSteps; ++k) {
    const double u = step * static_cast<double>(k);
    sum += std::exp((1 - alpha) * u - lambda_xmin * std::expm1(u));
  }
  return sum * step;
}

}  // namespace

Histogram histogram_of(const std::vector<double>& sigma, double floor) {
  Histogram result;
  if (sigma.empty() || !(sigma.back() > 0) || !std::isfinite(sigma.back())) return result;
  const double last = 2 * std::log10(sigma.back());
  result.least = last - kMostDecades;
  if (floor > 0) result.least = std::max(result.least, std::log10(floor));
  std::vector<double> values;
  for (const double value : sigma) {
    const double at = value > 0 ? 2 * std::log10(value) : kNone;
    // In an archive that was changed by hand, the last value may not be the largest.
    if (at > result.least && at <= last) values.push_back(at);
  }
  result.left_out = sigma.size() - values.size();
  if (values.empty()) return result;
  const auto count = static_cast<double>(values.size());
  const double bins = std::clamp(std::ceil(2 * std::cbrt(count)), kFewestBins, kMostBins);
  result.step = std::max((last - values.front()) / bins, kLeastStep);
  result.first = values.front();
  std::vector<double> counts(static_cast<std::size_t>(bins), 0);
  for (const double at : values) {
    const double bin = std::clamp((at - result.first) / result.step, 0.0, bins - 1);
    counts[static_cast<std::size_t>(bin)] += 1;
  }
  for (std::size_t k = 0; k < counts.size(); ++k) {
    const double width = result.first + static_cast<double>(k) * result.step +
                         std::log10(std::pow(10.0, result.step) - 1);
    const double share = counts[k] / static_cast<double>(sigma.size());
    result.density.push_back(share > 0 ? std::log10(share) - width : kNone);
  }
  return result;
}

std::vector<Point> tail_of(const LayerRow& layer, const std::vector<double>& sigma) {
  const double lambda_xmin = std::isnan(layer.Lambda) ? 0 : layer.Lambda * layer.xmin;
  const bool fitted = is_fitted(layer) && std::isfinite(layer.alpha) && layer.xmin > 0 &&
                      layer.xmax > layer.xmin && std::isfinite(layer.xmax) &&
                      (layer.alpha > 1 || lambda_xmin > 0);
  if (!fitted) return {};
  const auto in_tail = std::count_if(sigma.begin(), sigma.end(), [&](double value) {
    return layer.xmin <= value * value && value * value <= layer.xmax;
  });
  if (in_tail == 0) return {};
  const double share = static_cast<double>(in_tail) / static_cast<double>(sigma.size());
  const double first = std::log10(layer.xmin);
  const double height =
      std::log10(share) - std::log10(tail_integral(layer.alpha, lambda_xmin)) - first;
  return curve(first, std::log10(layer.xmax), [&](double x) {
    const double cut = lambda_xmin * (std::pow(10.0, x - first) - 1) * std::numbers::log10e;
    return height - layer.alpha * (x - first) - cut;
  });
}

Bulk bulk_of(const LayerRow& layer) {
  if (layer.bulk_max > layer.bulk_min && !layer.mp_at_bound) {
    const double above =
        static_cast<double>(layer.num_spikes) / static_cast<double>(layer.num_evals);
    return {layer.bulk_min, layer.bulk_max, 1 - above,
            "Marchenko-Pastur bulk up to " + number(layer.bulk_max) + ", " +
                std::to_string(layer.num_spikes) + " above it"};
  }
  const double long_side = std::sqrt(static_cast<double>(layer.N));
  const double short_side = std::sqrt(static_cast<double>(layer.M));
  const double ratio = (long_side - short_side) / (long_side + short_side);
  return {layer.null_edge * ratio * ratio, layer.null_edge, 1,
          "Marchenko-Pastur bulk of independent elements up to " + number(layer.null_edge)};
}

std::vector<Point> curve_of(const Bulk& bulk, double least) {
  if (!(bulk.high > 0) || !(bulk.low >= 0) || !std::isfinite(bulk.high) || !(bulk.share > 0)) {
    return {};
  }
  const double end = std::log10(bulk.high);
  if (!(end > least)) return {};
  const double low = bulk.low / bulk.high;
  const double width = (1 - std::sqrt(low)) / 2;
  return curve(std::max(least, end + std::log10(low)), end, [&](double x) {
    const double y = std::pow(10.0, x - end);
    const double root = std::sqrt(std::max((1 - y) * (y - low), 0.0));
    return std::log10(bulk.share * root / (2 * std::numbers::pi * width * width * y)) - end;
  });
}

}  // namespace wishart::report
