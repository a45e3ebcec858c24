#pragma once

/// @file
/// Counter-based random numbers: the k-th number of a stream is a function of seed, stream and k.

#include <array>
#include <cstdint>

namespace wishart::fit {

/// Philox 4x32 with 10 rounds: four words for a counter of four words under a key of two.
///
/// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
[[nodiscard]] std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) noexcept;

/// A stream of random numbers. Two streams of one seed, or of two seeds, are independent; the same
/// seed and stream give the same numbers on every machine.
class CounterRandom {
public:
  CounterRandom(std::uint64_t seed, std::uint64_t stream) noexcept : seed_(seed), stream_(stream) {}

  [[nodiscard]] std::uint32_t word() noexcept;
  /// Uniform in (0, 1), neither end included; 53 bits.
  [[nodiscard]] double uniform() noexcept;
  /// Uniform among 0 .. bound - 1, for 1 <= bound <= 2^32; the relative bias is below bound / 2^32.
  [[nodiscard]] std::uint32_t below(std::uint64_t bound) noexcept;
  /// Exponential with mean 1.
  [[nodiscard]] double exponential() noexcept;
  /// Standard normal (Box and Muller; the second number of a pair is kept for the next call).
  [[nodiscard]] double normal() noexcept;

private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t block_ = 0;
  std::array<std::uint32_t, 4> words_{};
  unsigned used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace wishart::fit
