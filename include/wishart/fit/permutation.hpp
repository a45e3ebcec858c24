#pragma once

/// @file
/// Puts the elements of a matrix in random order without communicating random numbers: where an
/// element goes is a function of a key. Also interprets the spectrum of such a matrix.

#include <cstdint>
#include <span>

#include "wishart/fit/null_model.hpp"

namespace wishart::fit {

/// A pseudo-random bijection of 0 .. size - 1 onto itself, chosen by seed and stream.
///
/// A Feistel network of eight rounds on the smallest even number of bits that can represent `size`.
/// The round function mixes half of the bits with a round key. A result that is not below `size` is
/// fed in again until one is (cycle walking: Black and Rogaway, CT-RSA 2002), which takes fewer
/// than four steps on average. Every rank computes its own elements.
class KeyedBijection {
public:
  /// @pre 1 <= size <= 2^62
  KeyedBijection(std::uint64_t size, std::uint64_t seed, std::uint64_t stream);

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Where element `index` comes from. @pre index < size()
  [[nodiscard]] std::uint64_t operator()(std::uint64_t index) const noexcept;
  /// The index that (*this) maps to `value`. @pre value < size()
  [[nodiscard]] std::uint64_t inverse(std::uint64_t value) const noexcept;

  /// The same for first, first + 1, ... This is several times faster than one by one, because the
  /// rounds of different indices overlap in the pipeline. @pre first + out.size() <= size()
  void map_run(std::uint64_t first, std::span<std::uint64_t> out) const;
  void inverse_run(std::uint64_t first, std::span<std::uint64_t> out) const;

private:
  static constexpr int kRounds = 8;

  /// One pass through the network. The result may be `size` or larger.
  [[nodiscard]] std::uint64_t pass(std::uint64_t index) const noexcept;
  [[nodiscard]] std::uint64_t pass_back(std::uint64_t value) const noexcept;

  [[nodiscard]] std::uint64_t round(std::uint64_t half, int number) const noexcept;

  std::uint64_t size_;
  unsigned half_bits_;
  std::uint64_t mask_;
  std::uint64_t keys_[kRounds];
};

/// Correlation traps: eigenvalues of a permuted view that a matrix of independent elements would
/// not have.
struct Traps {
  std::int64_t num = 0;  ///< with a largest_p below kSpikeLevel
  double p = 1;          ///< largest_p of the largest
  /// The eigenvalue that the mean of the elements causes, counted from the largest, which is 0; -1
  /// if it does not show.
  std::int64_t of_mean = -1;
  double variance = 0;  ///< of the elements
};

/// The values of one view, of a list that has them view by view.
[[nodiscard]] std::span<const double> values_of_view(std::span<const double> by_view,
                                                     const Shape& shape, std::int64_t view);

/// The elements of a view stay in it and keep their values, so nothing is fitted: the variance is
/// their mean square minus the square of their mean. A nonzero mean causes one large eigenvalue,
/// near N M mean^2, which is not a trap.
/// @param ascending  eigenvalues of one view in random order
/// @param shape  of the matrix: with several views the largest of any has to be unlikely
/// @param mean  of the elements of this view
[[nodiscard]] Traps correlation_traps(std::span<const double> ascending, const Shape& shape,
                                      double mean);

/// WeightWatcher's rand_distance: the Jensen-Shannon distance, natural logarithms, of the two
/// ascending lists, each divided by its sum; from 0 to sqrt(ln 2).
/// @pre both of one length, not all zero
[[nodiscard]] double rand_distance(std::span<const double> ascending,
                                   std::span<const double> permuted);

}  // namespace wishart::fit
