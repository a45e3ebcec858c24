#include "wishart/fit/permutation.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

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

Traps correlation_traps(std::span<const double> ascending, const Shape& shape, double mean) {
  const auto rows = static_cast<double>(shape.long_side);
  const auto cols = static_cast<double>(shape.short_side);
  const auto views = static_cast<double>(shape.views);
  long double sum = 0;
  for (const double value : ascending) sum += value;
  const double variance = static_cast<double>(sum) / (rows * cols * views) - mean * mean;
  Traps traps;
  if (!(variance > 0)) return traps;
  // The mean matters if its eigenvalue leaves the bulk: sqrt(N M) |mean| above (N M)^(1/4) standard
  // deviations. Then it causes the largest eigenvalue of each view.
  const bool mean_shows = rows * cols * mean * mean > std::sqrt(rows * cols) * variance;
  const auto passed = static_cast<std::size_t>(mean_shows ? shape.views : 0);
  if (ascending.size() <= passed) return traps;
  const std::span<const double> rest = ascending.first(ascending.size() - passed);
  traps.num = count_spikes(rest, variance, shape);
  traps.p = largest_p(rest.back(), variance, rows, cols, views);
  traps.passed = static_cast<std::int64_t>(passed);
  traps.variance = variance;
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
