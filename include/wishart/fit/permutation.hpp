#pragma once

/// @file
/// Matrices with their elements in random order, without exchanging random numbers: which element
/// goes where is a function of a key. And what the spectrum of such a matrix says.

#include <cstdint>
#include <span>

#include "wishart/fit/null_model.hpp"

namespace wishart::fit {

/// A bijection of 0 .. size - 1 onto itself that looks random, chosen by seed and stream.
///
/// A Feistel network of eight rounds on the smallest even number of bits that holds `size`, its
/// round function a mix of half the bits with a key of the round; a result that is not below `size`
/// is put in again until one is (cycle walking: Black and Rogaway, CT-RSA 2002). Every rank
/// computes its own elements; on average fewer than four steps are taken.
class KeyedBijection {
public:
  /// @pre 1 <= size <= 2^62
  KeyedBijection(std::uint64_t size, std::uint64_t seed, std::uint64_t stream);

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Where element `index` comes from. @pre index < size()
  [[nodiscard]] std::uint64_t operator()(std::uint64_t index) const noexcept;
  /// The index that (*this) maps to `value`. @pre value < size()
  [[nodiscard]] std::uint64_t inverse(std::uint64_t value) const noexcept;

  /// The same for first, first + 1, ...: several times faster than one by one, because the rounds
  /// of different indices overlap. @pre first + out.size() <= size()
  void map_run(std::uint64_t first, std::span<std::uint64_t> out) const;
  void inverse_run(std::uint64_t first, std::span<std::uint64_t> out) const;

private:
  static constexpr int kRounds = 8;

  /// One pass through the network; the result may be beyond `size`.
  [[nodiscard]] std::uint64_t pass(std::uint64_t index) const noexcept;
  [[nodiscard]] std::uint64_t pass_back(std::uint64_t value) const noexcept;

  [[nodiscard]] std::uint64_t round(std::uint64_t half, int number) const noexcept;

  std::uint64_t size_;
  unsigned half_bits_;
  std::uint64_t mask_;
  std::uint64_t keys_[kRounds];
};

/// Correlation traps: eigenvalues of the permuted matrix that independent elements would not have.
struct Traps {
  std::int64_t num = 0;  ///< with a largest_p below kSpikeLevel
  double p = 1;          ///< largest_p of the largest
};

/// The elements keep their values, so nothing is fitted: the variance is the mean square less the
/// square of the mean, and a mean other than zero makes one large eigenvalue, near N M mean^2, that
/// is no trap and is passed over.
/// @param ascending  eigenvalues of the permuted matrix
[[nodiscard]] Traps correlation_traps(std::span<const double> ascending, const Shape& shape,
                                      double mean);

/// WeightWatcher's rand_distance: the Jensen-Shannon distance, natural logarithms, of the two
/// ascending lists as shares of their sums; from 0 to sqrt(ln 2).
/// @pre both of one length, not all zero
[[nodiscard]] double rand_distance(std::span<const double> ascending,
                                   std::span<const double> permuted);

}  // namespace wishart::fit
