#pragma once

/// @file
/// Random numbers that depend only on a seed and a position, so that every rank can compute any of
/// them independently.

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "wishart/core/splitmix.hpp"

namespace wishart::synth {

/// A stream of random numbers with direct access: output `position` of SplitMix64 (Steele, Lea,
/// Flood, OOPSLA 2014) started from a state mixed from `seed` and `stream`.
class PositionRandom {
public:
  PositionRandom(std::uint64_t seed, std::uint64_t stream)
      : state_(splitmix(splitmix(seed) ^ stream)) {}

  [[nodiscard]] std::uint64_t bits(std::uint64_t position) const noexcept {
    return splitmix(state_ + (position + 1) * kSplitMixStep);
  }
  /// 1 or -1.
  [[nodiscard]] double sign(std::int64_t position) const noexcept {
    return (bits(static_cast<std::uint64_t>(position)) >> 63U) == 0 ? 1.0 : -1.0;
  }
  /// 0 .. bound - 1, for bounds far below 2^53.
  [[nodiscard]] std::int64_t below(std::int64_t bound, std::int64_t position) const noexcept {
    const std::uint64_t high = bits(static_cast<std::uint64_t>(position)) >> 11U;
    return static_cast<std::int64_t>(static_cast<double>(high) * 0x1p-53 *
                                     static_cast<double>(bound));
  }

private:
  std::uint64_t state_;
};

/// `count` different numbers of 0 .. n - 1 in random order (Fisher and Yates).
inline std::vector<std::int64_t> distinct(std::int64_t n, std::int64_t count,
                                          const PositionRandom& random) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
  for (std::int64_t k = 0; k < count; ++k) {
    std::swap(numbers[static_cast<std::size_t>(k)],
              numbers[static_cast<std::size_t>(k + random.below(n - k, k))]);
  }
  numbers.resize(static_cast<std::size_t>(count));
  return numbers;
}

}  // namespace wishart::synth
