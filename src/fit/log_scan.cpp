#include "log_scan.hpp"

#include <algorithm>
#include <cmath>

#include "deviations.hpp"

namespace wishart::fit {

std::vector<double> LogScan::restart(std::vector<double> logs) {
  logs_.swap(logs);
  const std::size_t n = logs_.size();
  alphas_.resize(n);
  weak_.assign(n, 0);
  // Sum over k >= i of (y_k - y_i), computed from the end. Every term is a gap times a count and
  // none is negative, so there is no cancellation, and equal values give exactly 0.
  long double sum = 0;
  for (std::size_t i = n; i-- > 0;) {
    if (i + 1 < n) {
      sum += static_cast<long double>(n - i - 1) *
             (static_cast<long double>(logs_[i + 1]) - static_cast<long double>(logs_[i]));
    }
    alphas_[i] = static_cast<double>(1 + static_cast<long double>(n - i) / sum);
  }
  sparse_logs_.clear();
  for (std::size_t k = 0; k < n; k += kBlock) sparse_logs_.push_back(logs_[k]);
  border_.resize(sparse_logs_.size());
  shares_.resize(n);
  sizes_.resize(n);
  return logs;
}

double LogScan::deviation(std::size_t i, std::size_t k) const {
  const double gap = logs_[k] - logs_[i];
  // A gap of 0 gives 1 even if alpha is infinite.
  const double survival = gap == 0 ? 1.0 : std::exp((1 - alphas_[i]) * gap);
  const std::size_t m = logs_.size() - i;
  return 1 - survival - static_cast<double>(k - i) / static_cast<double>(m);
}

double LogScan::full_distance(std::size_t i) const {
  if (!(alphas_[i] > 1)) return 1.0;
  double largest = 0;
  for (std::size_t k = i; k < logs_.size(); ++k) {
    largest = std::max(largest, std::abs(deviation(i, k)));
  }
  return largest;
}

double LogScan::two_sided_distance(std::size_t i) const {
  if (!(alphas_[i] > 1)) return 1.0;
  const double step = 1 / static_cast<double>(logs_.size() - i);
  double largest = 0;
  for (std::size_t k = i; k < logs_.size(); ++k) {
    const double lower = deviation(i, k);
    largest = std::max({largest, std::abs(lower), std::abs(lower - step)});
  }
  return largest;
}

/// Computes F at every 32nd point of the tail. False if one of them deviates by more than `limit`.
bool LogScan::look_at_borders(std::size_t i, double limit) {
  const std::size_t begin = (i + kBlock - 1) / kBlock;
  const std::size_t count = border_.size() - begin;
  const SteppedLaw law{1 - alphas_[i], logs_[i], 1 / static_cast<double>(logs_.size() - i)};
  const std::span<double> sizes(sizes_.data(), count);
  deviations(set_, law, std::span(sparse_logs_).subspan(begin),
             static_cast<double>(begin * kBlock - i), static_cast<double>(kBlock),
             std::span(border_).subspan(begin), sizes);
  largest_ = largest_of(sizes);
  const auto at = std::find(sizes.begin(), sizes.end(), largest_) - sizes.begin();
  weak_[i] = static_cast<std::uint32_t>((begin + static_cast<std::size_t>(at)) * kBlock);
  return largest_ <= limit + kSlack;
}

/// Computes the deviations of the points first .. last - 1. False if one is larger than `limit`.
bool LogScan::take_points(std::size_t i, std::size_t first, std::size_t last, double limit) {
  const SteppedLaw law{1 - alphas_[i], logs_[i], 1 / static_cast<double>(logs_.size() - i)};
  const std::span<double> sizes = std::span(sizes_).subspan(first, last - first);
  deviations(set_, law, std::span(logs_).subspan(first, last - first),
             static_cast<double>(first - i), 1, std::span(shares_).first(last - first), sizes);
  const double largest = largest_of(sizes);
  if (largest <= largest_) return true;
  largest_ = largest;
  const auto at = std::find(sizes.begin(), sizes.end(), largest) - sizes.begin();
  weak_[i] = static_cast<std::uint32_t>(first + static_cast<std::size_t>(at));
  return largest_ <= limit + kSlack;
}

/// The largest deviation, computed with std::exp at those points of first .. last - 1 that may have
/// it.
double LogScan::exact_largest(std::size_t i, std::size_t first, std::size_t last) const {
  const double enough = largest_ - 2 * kSlack;
  double exact = 0;
  for (std::size_t k = first; k < last; ++k) {
    if (sizes_[k] >= enough) exact = std::max(exact, std::abs(deviation(i, k)));
  }
  return exact;
}

double LogScan::distance(std::size_t i, double limit) {
  if (!(alphas_[i] > 1)) return 1.0;
  if (!std::isfinite(alphas_[i])) return full_distance(i);
  const std::size_t n = logs_.size();
  largest_ = 0;
  weak_[i] = static_cast<std::uint32_t>(i);
  if (n - i <= kShortTail) {
    return take_points(i, i, n, limit) ? exact_largest(i, i, n) : largest_;
  }
  if (!look_at_borders(i, limit)) return largest_;
  const double step = 1 / static_cast<double>(n - i);
  blocks_.clear();
  for (std::size_t first = i; first < n;) {
    const std::size_t next = std::min(n, (first / kBlock + 1) * kBlock);
    const double low = first == i ? 0 : border_[first / kBlock];
    const double high = next == n ? 1 : border_[next / kBlock];
    const double bound = std::max(high - static_cast<double>(first - i) * step,
                                  static_cast<double>(next - 1 - i) * step - low);
    if (bound > largest_ - kSlack) {
      if (!take_points(i, first, next, limit)) return largest_;
      blocks_.emplace_back(first, bound);
    }
    first = next;
  }
  double exact = 0;
  for (const auto& [first, bound] : blocks_) {
    if (bound < largest_ - 2 * kSlack) continue;
    const std::size_t next = std::min(n, (first / kBlock + 1) * kBlock);
    exact = std::max(exact, exact_largest(i, first, next));
  }
  return exact;
}

std::optional<Candidate> LogScan::best(std::size_t count, double limit,
                                       const std::function<bool(std::size_t)>& wanted,
                                       std::size_t likely) {
  Candidate found{count, limit};
  std::array<std::size_t, 12> recent{};  // where the last few fully computed candidates failed
  const auto visit = [&](std::size_t i, std::size_t step) {
    if (!wanted(i)) return;
    const std::size_t before = i >= step ? i - step : i;
    const std::size_t after = i + step < count ? i + step : i;
    const auto fails_at = [&](std::size_t k) {
      if (k <= i || !(std::abs(deviation(i, k)) > found.D)) return false;
      weak_[i] = static_cast<std::uint32_t>(k);
      return true;
    };
    if (fails_at(weak_[before]) || fails_at(weak_[after])) return;
    const bool is_long = logs_.size() - i > kShortTail;
    if (is_long && std::any_of(recent.begin(), recent.end(), fails_at)) return;
    const double D = distance(i, found.D);
    std::rotate(recent.begin(), recent.end() - 1, recent.end());
    recent.front() = weak_[i];
    if (D < found.D || (D == found.D && i < found.index)) found = {i, D};
  };
  // Coarse steps first: this finds a good candidate early, and for each later one the neighbours on
  // both sides have shown where they fail.
  std::size_t step = 1;
  while (step < count / 8) step *= 2;
  if (likely < count) visit(likely, step);
  for (std::size_t i = 0; i < count; i += step) visit(i, step);
  for (; step > 1; step /= 2) {
    for (std::size_t i = step / 2; i < count; i += step) visit(i, step / 2);
  }
  if (found.index == count) return std::nullopt;
  return found;
}

}  // namespace wishart::fit
