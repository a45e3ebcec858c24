#include "wishart/fit/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "wishart/fit/random.hpp"
#include "wishart/record/rows.hpp"

#include "log_scan.hpp"

namespace wishart::fit {
namespace {

/// Draws replicas as ascending logarithms.
class ReplicaSource {
public:
  /// Draws from the first `num_kept` values as they are. Drawing one of the others gives a random
  /// value from the power law of `fit` instead.
  ReplicaSource(std::span<const double> ascending, std::size_t num_kept, const PowerLaw& fit)
      : num_values_(ascending.size()),
        origin_(std::log(fit.xmin)),
        exponent_(fit.alpha - 1),
        kept_(num_kept),
        times_(num_kept) {
    for (std::size_t i = 0; i < num_kept; ++i) kept_[i] = std::log(ascending[i]);
  }

  /// @param logs  its content is lost, its memory is reused
  [[nodiscard]] std::vector<double> draw(CounterRandom& random, std::vector<double> logs) {
    std::fill(times_.begin(), times_.end(), 0U);
    std::size_t tail = 0;
    for (std::size_t i = 0; i < num_values_; ++i) {
      const std::size_t k = random.below(num_values_);
      if (k < kept_.size()) {
        ++times_[k];
      } else {
        ++tail;
      }
    }
    logs.clear();
    logs.reserve(num_values_);
    for (std::size_t k = 0; k < kept_.size(); ++k) logs.insert(logs.end(), times_[k], kept_[k]);
    // Make the tail in ascending order without sorting: the gaps between m ordered exponentials are
    // independent exponentials with means 1/m, 1/(m - 1), ..., 1 (Renyi 1953).
    double y = 0;
    for (; tail > 0; --tail) {
      y += random.exponential() / static_cast<double>(tail);
      logs.push_back(origin_ + y / exponent_);
    }
    return logs;
  }

private:
  std::size_t num_values_;
  double origin_;
  double exponent_;
  std::vector<double> kept_;
  std::vector<std::uint32_t> times_;
};

/// Calls `visit(alpha, D)` for each replica that has a fit.
template <class Visit>
void fit_replicas(ReplicaSource source, const ScanOptions& options, const Resampling& resampling,
                  Visit&& visit) {
  CounterRandom random(resampling.seed, resampling.stream);
  const auto smallest = static_cast<std::size_t>(std::max<std::int64_t>(options.min_tail, 2));
  std::size_t likely = 0;  // a tail often begins where that of the previous replica did
  LogScan scan({});
  std::vector<double> logs;
  for (std::int64_t r = 0; r < resampling.replicas; ++r) {
    logs = scan.restart(source.draw(random, std::move(logs)));
    const std::span<const double> y = scan.logs();
    if (y.size() < smallest) return;
    const auto is_candidate = [&](std::size_t i) {
      return (i == 0 || y[i] != y[i - 1]) && std::isfinite(scan.alpha(i));
    };
    const auto best = scan.best(y.size() - smallest + 1, std::numeric_limits<double>::infinity(),
                                is_candidate, likely);
    if (!best) continue;
    visit(scan.alpha(best->index), best->D);
    likely = best->index;
  }
}

/// The quantile at `share` of an ascending list, interpolated.
double quantile(const std::vector<double>& ascending, double share) {
  const double position = share * static_cast<double>(ascending.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, ascending.size() - 1);
  return ascending[low] + (position - std::floor(position)) * (ascending[high] - ascending[low]);
}

}  // namespace

Interval alpha_interval(std::span<const double> ascending, const ScanOptions& options,
                        const Resampling& resampling) {
  std::vector<double> alphas;
  fit_replicas({ascending, ascending.size(), PowerLaw{}}, options, resampling,
               [&](double alpha, double) { alphas.push_back(alpha); });
  if (alphas.empty()) return {kNan, kNan};
  std::sort(alphas.begin(), alphas.end());
  return {quantile(alphas, 0.05), quantile(alphas, 0.95)};
}

double goodness_of_fit(std::span<const double> ascending, const ScanOptions& options,
                       const PowerLaw& fit, const Resampling& resampling) {
  if (!std::isfinite(fit.alpha)) return kNan;
  std::int64_t fitted = 0;
  std::int64_t as_far = 0;
  const std::size_t num_below = ascending.size() - static_cast<std::size_t>(fit.num_tail);
  fit_replicas({ascending, num_below, fit}, options, resampling, [&](double, double D) {
    ++fitted;
    if (D >= fit.D) ++as_far;
  });
  if (fitted == 0) return kNan;
  return static_cast<double>(as_far) / static_cast<double>(fitted);
}

double goodness_of_half(std::span<const double> ascending, const ScanOptions& options,
                        const Resampling& resampling) {
  if (resampling.replicas == 0) return kNan;
  ScanOptions of_half = options;
  of_half.min_tail = std::max(options.min_tail, (std::ssize(ascending) + 1) / 2);
  const auto fit = scan_power_law(ascending, of_half);
  return fit ? goodness_of_fit(ascending, of_half, *fit, resampling) : kNan;
}

}  // namespace wishart::fit
