#include "wishart/fit/power_law.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace wishart::fit {
namespace {

/// Points of a candidate's tail that are looked at first: a bad candidate mostly shows at one of
/// them.
constexpr std::int64_t kProbes = 16;

/// The exponents of all candidates, and the distance of one.
class Scan {
public:
  explicit Scan(std::span<const double> ascending) : logs_(ascending.size()) {
    std::transform(ascending.begin(), ascending.end(), logs_.begin(),
                   [](double x) { return std::log(x); });
    const std::size_t n = logs_.size();
    alphas_.resize(n);
    // Sum over j >= i of (ln x_j - ln x_i), from the end: every term is a gap times a count, none
    // is negative, so nothing cancels, and equal values give exactly 0.
    long double sum = 0;
    for (std::size_t i = n; i-- > 0;) {
      if (i + 1 < n) {
        sum += static_cast<long double>(n - i - 1) *
               (static_cast<long double>(logs_[i + 1]) - static_cast<long double>(logs_[i]));
      }
      alphas_[i] = static_cast<double>(1 + static_cast<long double>(n - i) / sum);
    }
  }

  [[nodiscard]] double alpha(std::size_t i) const { return alphas_[i]; }

  /// |fit - ECDF| at the k-th value of candidate i's tail of m values (lower step of the ECDF).
  [[nodiscard]] double distance_at(std::size_t i, std::size_t k, std::size_t m) const {
    const double gap = logs_[i + k] - logs_[i];
    // A gap of 0 gives 1 even if alpha is infinite.
    const double survival = gap == 0 ? 1.0 : std::exp((1 - alphas_[i]) * gap);
    return std::abs(1 - survival - static_cast<double>(k) / static_cast<double>(m));
  }

  /// D of candidate i; or anything above `limit` as soon as D is known to exceed it.
  [[nodiscard]] double distance(std::size_t i, double limit) const {
    if (!(alphas_[i] > 1)) return 1.0;
    const std::size_t m = logs_.size() - i;
    double largest = 0;
    const std::size_t stride = std::max<std::size_t>(1, m / static_cast<std::size_t>(kProbes));
    for (std::size_t k = stride / 2; k < m; k += stride) {
      largest = std::max(largest, distance_at(i, k, m));
    }
    if (largest > limit) return largest;
    for (std::size_t k = 0; k < m; ++k) {
      largest = std::max(largest, distance_at(i, k, m));
      if (largest > limit) return largest;
    }
    return largest;
  }

private:
  std::vector<double> logs_;
  std::vector<double> alphas_;
};

/// Calls `visit(i)` for 0 .. count - 1, coarse steps first: a good candidate is found early, and
/// then most others are given up at their first probes.
template <class Visit>
void visit_coarse_first(std::size_t count, Visit&& visit) {
  std::size_t step = 1;
  while (step < count / 32) step *= 2;
  for (std::size_t i = 0; i < count; i += step) visit(i);
  for (; step > 1; step /= 2) {
    for (std::size_t i = step / 2; i < count; i += step) visit(i);
  }
}

}  // namespace

std::optional<PowerLaw> scan_power_law(std::span<const double> ascending,
                                       const ScanOptions& options) {
  const auto n = static_cast<std::int64_t>(ascending.size());
  const std::int64_t last = n - std::max<std::int64_t>(options.min_tail, 2);
  if (last < 0) return std::nullopt;
  const Scan scan(ascending);
  const auto count = static_cast<std::size_t>(last + 1);
  std::size_t best = count;
  double best_distance = std::numeric_limits<double>::infinity();
  visit_coarse_first(count, [&](std::size_t i) {
    if (options.skip_repeated) {
      if (i > 0 && ascending[i] == ascending[i - 1]) return;
      if (!std::isfinite(scan.alpha(i))) return;
    }
    const double distance = scan.distance(i, best_distance);
    // Of equal distances the smallest xmin wins, in whatever order they are met.
    if (distance < best_distance || (distance == best_distance && i < best)) {
      best_distance = distance;
      best = i;
    }
  });
  if (best == count) return std::nullopt;
  PowerLaw fit;
  fit.alpha = scan.alpha(best);
  fit.xmin = ascending[best];
  fit.xmax = ascending.back();
  fit.D = best_distance;
  fit.num_tail = n - static_cast<std::int64_t>(best);
  fit.sigma = (fit.alpha - 1) / std::sqrt(static_cast<double>(fit.num_tail));
  return fit;
}

}  // namespace wishart::fit
