#include "wishart/fit/power_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "log_scan.hpp"

namespace wishart::fit {
namespace {

std::vector<double> logs_of(std::span<const double> values) {
  std::vector<double> logs(values.size());
  std::transform(values.begin(), values.end(), logs.begin(), [](double x) { return std::log(x); });
  return logs;
}

/// Candidates that leave a tail of the smallest size or more.
std::size_t num_candidates(std::span<const double> ascending, const ScanOptions& options) {
  const std::int64_t smallest = std::max<std::int64_t>(options.min_tail, 2);
  const auto n = static_cast<std::int64_t>(ascending.size());
  return n < smallest ? 0 : static_cast<std::size_t>(n - smallest + 1);
}

bool is_candidate(std::span<const double> ascending, const LogScan& scan,
                  const ScanOptions& options, std::size_t i) {
  if (!options.skip_repeated) return true;
  if (i > 0 && ascending[i] == ascending[i - 1]) return false;
  return std::isfinite(scan.alpha(i));
}

}  // namespace

std::optional<PowerLaw> scan_power_law(std::span<const double> ascending,
                                       const ScanOptions& options) {
  const std::size_t count = num_candidates(ascending, options);
  if (count == 0) return std::nullopt;
  LogScan scan(logs_of(ascending));
  const auto best = scan.best(count, std::numeric_limits<double>::infinity(), [&](std::size_t i) {
    return is_candidate(ascending, scan, options, i);
  });
  if (!best) return std::nullopt;
  PowerLaw fit;
  fit.alpha = scan.alpha(best->index);
  fit.xmin = ascending[best->index];
  fit.xmax = ascending.back();
  fit.D = best->D;
  fit.D_ks = scan.two_sided_distance(best->index);
  fit.num_tail = static_cast<std::int64_t>(ascending.size() - best->index);
  fit.sigma = (fit.alpha - 1) / std::sqrt(static_cast<double>(fit.num_tail));
  return fit;
}

std::optional<Tail> rival_tail(std::span<const double> ascending, const ScanOptions& options,
                               const PowerLaw& fit, double D_apart, double alpha_apart) {
  const std::size_t count = num_candidates(ascending, options);
  if (count == 0) return std::nullopt;
  LogScan scan(logs_of(ascending));
  const auto best = scan.best(count, fit.D + D_apart, [&](std::size_t i) {
    return is_candidate(ascending, scan, options, i) &&
           std::abs(scan.alpha(i) - fit.alpha) > alpha_apart;
  });
  if (!best) return std::nullopt;
  return Tail{ascending[best->index], scan.alpha(best->index), best->D};
}

double two_sided_distance(std::span<const double> ascending, const PowerLaw& fit) {
  const LogScan scan(logs_of(ascending));
  const auto first = std::lower_bound(ascending.begin(), ascending.end(), fit.xmin);
  return scan.two_sided_distance(static_cast<std::size_t>(first - ascending.begin()));
}

std::vector<Tail> scan_curve(std::span<const double> ascending, const ScanOptions& options) {
  std::vector<Tail> curve;
  const std::size_t count = num_candidates(ascending, options);
  LogScan scan(logs_of(ascending));
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_candidate(ascending, scan, options, i)) continue;
    const double D = scan.distance(i, std::numeric_limits<double>::infinity());
    curve.push_back({ascending[i], scan.alpha(i), D});
  }
  return curve;
}

}  // namespace wishart::fit
