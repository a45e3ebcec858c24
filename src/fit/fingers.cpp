#include "wishart/fit/fingers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "wishart/fit/thresholds.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::fit {
namespace {

/// The numbers of values to remove that are tried: first .. last - 1.
struct Tries {
  std::int64_t first = 1;
  std::int64_t last = 1;
};

Tries tries(std::int64_t n, const ClipOptions& options) {
  if (!options.weightwatcher) return {1, std::min(options.max_fingers, n - 1) + 1};
  return {2, 2 * options.max_fingers >= n ? options.max_fingers : kWeightWatcherMaxFingers};
}

}  // namespace

std::optional<ClippedFit> clip_fingers(std::span<const double> ascending,
                                       const ClipOptions& options) {
  const auto all = scan_power_law(ascending, options.scan);
  if (!all) return std::nullopt;
  ClippedFit result{*all, all->alpha, 0};
  const auto n = static_cast<std::int64_t>(ascending.size());
  const Tries range = tries(n, options);
  for (std::int64_t removed = range.first; removed < range.last; ++removed) {
    const auto left = static_cast<std::size_t>(std::max<std::int64_t>(n - removed, 0));
    const auto fit = scan_power_law(ascending.first(left), options.scan);
    if (!fit) {
      if (options.weightwatcher) return std::nullopt;
      break;
    }
    if (fit->alpha + options.threshold < all->alpha) {
      // WeightWatcher also fits with one more value removed, for its log, and fails if that fails.
      if (options.weightwatcher && left < 3) return std::nullopt;
      result.fit = *fit;
      result.num_fingers = options.weightwatcher ? removed - 1 : removed;
      break;
    }
    if (options.weightwatcher && fit->alpha <= 2.0) break;
  }
  return result;
}

std::vector<Tail> candidates_at_peak(std::span<const double> ascending, const ScanOptions& options,
                                     bool weightwatcher) {
  constexpr std::size_t kBins = 100;
  if (ascending.empty()) return {};
  const double low = std::log10(ascending.front());
  const double high = std::log10(ascending.back());
  if (!(high > low)) return {};
  std::array<std::int64_t, kBins> counts{};
  for (const double value : ascending) {
    const double position = (std::log10(value) - low) / (high - low) * static_cast<double>(kBins);
    ++counts[std::min(static_cast<std::size_t>(std::max(position, 0.0)), kBins - 1)];
  }
  const auto fullest = std::max_element(counts.begin(), counts.end()) - counts.begin();
  const double peak = std::pow(
      10.0, low + (high - low) * static_cast<double>(fullest) / static_cast<double>(kBins));
  const double lowest = weightwatcher ? std::log10(0.95 * peak) : 0.95 * peak;
  double highest = 1.5 * peak;
  if (weightwatcher) {
    const auto above = std::upper_bound(ascending.begin(), ascending.end(), highest);
    if (above == ascending.begin()) return {};
    highest = std::nextafter(*(above - 1), 0.0);  // below the last candidate
  }
  std::vector<Tail> candidates = scan_curve(ascending, options);
  std::erase_if(candidates,
                [&](const Tail& tail) { return tail.xmin < lowest || tail.xmin > highest; });
  return candidates;
}

std::optional<PowerLaw> fit_at_peak(std::span<const double> ascending, const ScanOptions& options,
                                    bool weightwatcher) {
  std::optional<PowerLaw> best;
  for (const Tail& tail : candidates_at_peak(ascending, options, weightwatcher)) {
    if (best && !(tail.D < best->D)) continue;
    best = PowerLaw{.alpha = tail.alpha, .xmin = tail.xmin, .xmax = ascending.back(), .D = tail.D};
  }
  if (!best) return std::nullopt;
  const auto first = std::lower_bound(ascending.begin(), ascending.end(), best->xmin);
  best->num_tail = ascending.end() - first;
  best->sigma = (best->alpha - 1) / std::sqrt(static_cast<double>(best->num_tail));
  best->D_ks = two_sided_distance(ascending, *best);
  return best;
}

double f_survival(double value, std::int64_t a, std::int64_t b) {
  if (!(value > 0)) return 1;
  // P(F > f) = P(fewer than a successes among a + b - 1 with probability q = a f / (a f + b)).
  const double odds = static_cast<double>(a) * value / static_cast<double>(b);
  const double log_q = std::log(odds / (1 + odds));
  const double log_rest = -std::log1p(odds);
  const std::int64_t trials = a + b - 1;
  double log_choose = 0;
  double sum = 0;
  for (std::int64_t j = 0; j < a; ++j) {
    sum += std::exp(log_choose + static_cast<double>(j) * log_q +
                    static_cast<double>(trials - j) * log_rest);
    log_choose += std::log(static_cast<double>(trials - j) / static_cast<double>(j + 1));
  }
  return std::min(sum, 1.0);
}

Outliers tail_outliers(std::span<const double> ascending) {
  const auto m = static_cast<std::int64_t>(ascending.size());
  if (m < kMinOutlierTail) return {0, kNan};
  std::vector<double> gaps;  // scaled, from the largest value down
  long double total = 0;
  for (std::int64_t k = 1; k < m; ++k) {
    const auto i = static_cast<std::size_t>(m - k);
    gaps.push_back(static_cast<double>(k) * std::log(ascending[i] / ascending[i - 1]));
    total += gaps.back();
  }
  if (!(total > 0)) return {0, kNan};
  const std::int64_t most = std::min<std::int64_t>(kMaxOutliers, (m - 1) / 2);
  Outliers found;
  long double top = 0;
  for (std::int64_t r = 1; r <= most; ++r) {
    top += gaps[static_cast<std::size_t>(r - 1)];
    const std::int64_t rest = m - 1 - r;
    const long double ratio = (top / r) / ((total - top) / rest);
    const double p = f_survival(static_cast<double>(ratio), r, rest);
    if (p < found.p) found = {r, p};
  }
  found.p = std::min(1.0, found.p * static_cast<double>(most));
  // Random gaps just below the outliers shift the smallest p, so the widest gap is used as their
  // edge.
  found.count = found.p < kOutlierLevel
                    ? std::max_element(gaps.begin(), gaps.begin() + found.count) - gaps.begin() + 1
                    : 0;
  return found;
}

}  // namespace wishart::fit
