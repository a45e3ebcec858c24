#pragma once

/// @file
/// The discrete Hartley transform: an orthogonal matrix whose entries are known in closed form and
/// that can be applied to a vector in n log n operations. docs/synth.md.

#include <cstdint>
#include <span>
#include <vector>

namespace wishart::synth {

/// cas(2 pi k / n) / sqrt(n) for k = 0 .. n - 1, with cas = cos + sin.
///
/// H[i, j] = table[i * j mod n] is symmetric and orthogonal for every n (Hartley, Proc. IRE 30
/// (1942) 144; Bracewell, J. Opt. Soc. Am. 73 (1983) 1832).
[[nodiscard]] std::vector<double> hartley_table(std::int64_t n);

/// Applies H to several vectors at once, for any n: a mixed-radix Fourier transform of pairs of
/// vectors. The cost is n times the sum of the prime factors of n, which are small for the sizes of
/// models.
class Hartley {
public:
  /// The number of vectors transformed at once.
  static constexpr std::int64_t kLanes = 8;

  /// @pre 1 <= n <= 2^26
  explicit Hartley(std::int64_t n);

  [[nodiscard]] std::int64_t size() const noexcept { return n_; }

  /// Transforms in place. Element i of vector v is at `data[i * kLanes + v]`. The result of a
  /// vector depends on its own lane and, through rounding, on the vector that it is paired with,
  /// but on no other.
  /// @param work  as large as `data`, overwritten
  void transform(std::span<double> data, std::span<double> work) const;

private:
  std::int64_t n_;
  std::vector<std::int64_t> radices_;
  std::vector<double> cosines_;  ///< cos(2 pi k / n)
  std::vector<double> sines_;
};

}  // namespace wishart::synth
