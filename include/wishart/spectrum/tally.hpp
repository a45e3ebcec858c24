#pragma once

/// @file
/// Statistics of the elements of a matrix, collected while they are read.

#include <cstdint>
#include <span>

#include "wishart/core/hash.hpp"
#include "wishart/core/instruction_set.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::spectrum {

/// How large the elements of a view are, as far as it decides whether its squares can be summed.
struct ElementSizes {
  double largest = 0;  ///< size of the largest element, if it is unusual
  bool usual = false;  ///< there are elements of a usual size, and `largest` may be smaller
};

/// Throws Error with Blame::numerics if the largest element is not 0 and outside of the range in
/// which sums of squares stay far from overflow and underflow:
/// 2^-450 to 2^450; where products are formed in float32, 2^-50 to 2^50 (docs/numerics.md).
/// Infinite and tiny sums would make LAPACK fail or ScaLAPACK hang, and a matrix of tiny elements
/// one of zeros.
void require_range(const ElementSizes& sizes, Precision precision);

/// Statistics over every element read: the number of non-finite ones, the sum of squares, the hash.
///
/// Each element must be added once, on one rank of the team. The order does not matter.
class Tally {
public:
  Tally() noexcept : Tally(best_instruction_set()) {}
  /// The results are bit-identical for every `set`.
  explicit Tally(InstructionSet set) noexcept : set_(set) {}

  /// Adds `values`, which are at linear positions `position`, `position + 1`, ... of the matrix
  /// (over its views, row-major), and replaces non-finite ones by 0 in place, because a NaN must
  /// not reach a solver. A matrix with non-finite elements gets no spectrum.
  void add(std::int64_t position, std::span<double> values);
  /// Forgets the sizes of the elements so far, because each view is solved by itself.
  void begin_view() noexcept { sizes_ = {}; }
  /// Sums over a team. Collective over `team`.
  void combine(const mpi::Comm& team);

  [[nodiscard]] double sum_squares() const noexcept { return sum_squares_; }
  [[nodiscard]] std::int64_t num_nan() const noexcept { return num_nan_; }
  [[nodiscard]] std::int64_t num_inf() const noexcept { return num_inf_; }
  [[nodiscard]] std::int64_t num_elements() const noexcept { return num_elements_; }
  [[nodiscard]] const ElementHash& hash() const noexcept { return hash_; }
  /// Of the elements of this view that this rank has added.
  [[nodiscard]] const ElementSizes& sizes() const noexcept { return sizes_; }

private:
  /// As the next, for a run whose sum of squares is `sum` and unusual: also looks for the largest
  /// element.
  double look_closely(std::span<double> run, double sum);
  /// Counts the non-finite values of `run`, sets them to 0 and returns the sum of squares of the
  /// rest.
  double sum_without_non_finite(std::span<double> run);

  InstructionSet set_;
  double sum_squares_ = 0;
  double carry_ = 0;  ///< compensation of Neumaier's summation
  std::int64_t num_nan_ = 0;
  std::int64_t num_inf_ = 0;
  std::int64_t num_elements_ = 0;
  ElementSizes sizes_;
  ElementHash hash_;
};

}  // namespace wishart::spectrum
