#include "wishart/fit/permutation.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "wishart/core/error.hpp"
#include "wishart/fit/random.hpp"

namespace wishart::fit {
namespace {

/// Cycle walking for a run of indices at once: all take a step, then those still beyond `size` take
/// another, and so on. Branch prediction would fail here, so the list of those is made without
/// branches.
template <class Step>
void walk_run(std::uint64_t first, std::span<std::uint64_t> out, std::uint64_t size, Step&& step) {
  constexpr std::size_t kAtOnce = 512;
  std::array<std::uint32_t, kAtOnce> outside{};
  for (std::size_t begin = 0; begin < out.size(); begin += kAtOnce) {
    const std::span<std::uint64_t> run = out.subspan(begin, std::min(kAtOnce, out.size() - begin));
    std::size_t left = 0;
    for (std::size_t i = 0; i < run.size(); ++i) {
      run[i] = step(first + begin + i);
      outside[left] = static_cast<std::uint32_t>(i);
      left += run[i] >= size ? 1U : 0U;
    }
    while (left > 0) {
      std::size_t still = 0;
      for (std::size_t k = 0; k < left; ++k) {
        const std::uint32_t i = outside[k];
        run[i] = step(run[i]);
        outside[still] = i;
        still += run[i] >= size ? 1U : 0U;
      }
      left = still;
    }
  }
}

/// Which eigenvalue of a view the mean of its elements causes, from the largest; -1 if none that
/// stands out can be it. `traps` has the variance, and all that stand out as `num`.
///
/// Noise of variance v moves the eigenvalue t v of a constant matrix to (t + N) (t + M) / t v
/// (Benaych-Georges and Nadakuditi, J. Multivariate Anal. 111 (2012) 120, section 3.1). Its root is
/// never above the sum of the norms of both, so what is larger is something else.
std::int64_t place_of_mean(std::span<const double> ascending, const Traps& traps, double strength,
                           const Shape& shape) {
  if (traps.num == 0) return 0;
  const auto rows = static_cast<double>(shape.long_side);
  const auto cols = static_cast<double>(shape.short_side);
  const double unit = std::sqrt(traps.variance);
  const double expected = std::sqrt((strength + rows) * (strength + cols) / strength);
  const double most = std::sqrt(strength) + std::sqrt(rows) + std::sqrt(cols);
  std::int64_t nearest = -1;
  double distance = 0;
  for (std::int64_t place = 0; place < traps.num; ++place) {
    const auto index = ascending.size() - 1 - static_cast<std::size_t>(place);
    const double sigma = std::sqrt(ascending[index]) / unit;
    if (sigma > most || (nearest >= 0 && std::abs(sigma - expected) >= distance)) continue;
    nearest = place;
    distance = std::abs(sigma - expected);
  }
  return nearest;
}

}  // namespace

KeyedBijection::KeyedBijection(std::uint64_t size, std::uint64_t seed, std::uint64_t stream)
    : size_(size) {
  require(size >= 1 && size <= (std::uint64_t{1} << 62U),
          "KeyedBijection needs a size from 1 to 2^62");
  const auto bits = static_cast<unsigned>(std::bit_width(size - 1));
  half_bits_ = std::max(1U, (bits + 1) / 2);
  mask_ = (std::uint64_t{1} << half_bits_) - 1;
  CounterRandom random(seed, stream);
  for (std::uint64_t& key : keys_) {
    const std::uint64_t high = random.word();
    key = (high << 32U) | random.word();
  }
}

std::uint64_t KeyedBijection::round(std::uint64_t half, int number) const noexcept {
  std::uint64_t z = half ^ keys_[number];
  // The finaliser of MurmurHash3: each bit of the result depends on every bit.
  z = (z ^ (z >> 33U)) * 0xff51afd7ed558ccdULL;
  z = (z ^ (z >> 33U)) * 0xc4ceb9fe1a85ec53ULL;
  return (z ^ (z >> 33U)) & mask_;
}

std::uint64_t KeyedBijection::pass(std::uint64_t index) const noexcept {
  std::uint64_t left = index >> half_bits_;
  std::uint64_t right = index & mask_;
  for (int number = 0; number < kRounds; ++number) {
    const std::uint64_t next = left ^ round(right, number);
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

std::uint64_t KeyedBijection::pass_back(std::uint64_t value) const noexcept {
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & mask_;
  for (int number = kRounds; number-- > 0;) {
    const std::uint64_t before = right ^ round(left, number);
    right = left;
    left = before;
  }
  return (left << half_bits_) | right;
}

std::uint64_t KeyedBijection::operator()(std::uint64_t index) const noexcept {
  do {
    index = pass(index);
  } while (index >= size_);
  return index;
}

std::uint64_t KeyedBijection::inverse(std::uint64_t value) const noexcept {
  do {
    value = pass_back(value);
  } while (value >= size_);
  return value;
}

void KeyedBijection::map_run(std::uint64_t first, std::span<std::uint64_t> out) const {
  walk_run(first, out, size_, [this](std::uint64_t index) { return pass(index); });
}

void KeyedBijection::inverse_run(std::uint64_t first, std::span<std::uint64_t> out) const {
  walk_run(first, out, size_, [this](std::uint64_t value) { return pass_back(value); });
}

std::span<const double> values_of_view(std::span<const double> by_view, const Shape& shape,
                                       std::int64_t view) {
  require(std::ssize(by_view) == shape.short_side * shape.views,
          "values_of_view needs as many values as the views have");
  return by_view.subspan(static_cast<std::size_t>(view * shape.short_side),
                         static_cast<std::size_t>(shape.short_side));
}

Traps correlation_traps(std::span<const double> ascending, const Shape& shape, double mean) {
  const auto rows = static_cast<double>(shape.long_side);
  const auto cols = static_cast<double>(shape.short_side);
  long double sum = 0;
  for (const double value : ascending) sum += value;
  Traps traps;
  const double variance = static_cast<double>(sum) / (rows * cols) - mean * mean;
  // Of elements that are all but equal only the mean is resolved: what else there is are rounding
  // errors of the Gram matrix, up to 8 sqrt(N) eps lambda_max (docs/numerics.md).
  const double unresolved = 8 * std::sqrt(rows) * std::numeric_limits<double>::epsilon() *
                            (ascending.empty() ? 0 : ascending.back());
  if (!(bulk_of(rows, cols, variance).high > unresolved)) return traps;
  traps.variance = variance;
  traps.num = count_spikes(ascending, variance, shape);
  const double strength = rows * cols * mean * mean / variance;
  // The eigenvalue of the mean leaves the bulk if |mean| is above (N M)^(-1/4) standard deviations.
  if (strength > std::sqrt(rows * cols)) {
    traps.of_mean = place_of_mean(ascending, traps, strength, shape);
    if (traps.of_mean >= 0 && traps.of_mean < traps.num) --traps.num;
  }
  const std::int64_t largest = traps.of_mean == 0 ? 1 : 0;
  const auto above = static_cast<std::size_t>(largest) + 1;
  if (above > ascending.size()) return traps;
  traps.p = largest_p(ascending[ascending.size() - above], variance, rows, cols,
                      static_cast<double>(shape.views));
  return traps;
}

double rand_distance(std::span<const double> ascending, std::span<const double> permuted) {
  require(ascending.size() == permuted.size(), "rand_distance needs two lists of the same length");
  long double sum_p = 0;
  long double sum_q = 0;
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    sum_p += ascending[i];
    sum_q += permuted[i];
  }
  // As in WeightWatcher: the mean of the two is taken before either is divided by its sum.
  const long double sum_m = (sum_p + sum_q) / 2;
  long double divergence = 0;
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    const long double p = ascending[i] / sum_p;
    const long double q = permuted[i] / sum_q;
    const long double m = (static_cast<long double>(ascending[i]) + permuted[i]) / 2 / sum_m;
    if (p > 0) divergence += p * std::log(p / m);
    if (q > 0) divergence += q * std::log(q / m);
  }
  return static_cast<double>(std::sqrt(std::max(divergence / 2, 0.0L)));
}

}  // namespace wishart::fit
