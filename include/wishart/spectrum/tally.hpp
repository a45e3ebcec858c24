#pragma once

/// @file
/// Statistics of the elements of a matrix, collected while they are read.

#include <cstdint>
#include <span>

#include "wishart/core/hash.hpp"
#include "wishart/core/instruction_set.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::spectrum {

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
  /// Sums over a team. Collective over `team`.
  void combine(const mpi::Comm& team);

  [[nodiscard]] double sum_squares() const noexcept { return sum_squares_; }
  [[nodiscard]] std::int64_t num_nan() const noexcept { return num_nan_; }
  [[nodiscard]] std::int64_t num_inf() const noexcept { return num_inf_; }
  [[nodiscard]] std::int64_t num_elements() const noexcept { return num_elements_; }
  [[nodiscard]] const ElementHash& hash() const noexcept { return hash_; }

private:
  /// Counts the non-finite values of `run`, sets them to 0 and returns the sum of squares of the
  /// rest.
  double sum_without_non_finite(std::span<double> run);

  InstructionSet set_;
  double sum_squares_ = 0;
  double carry_ = 0;  ///< compensation of Neumaier's summation
  std::int64_t num_nan_ = 0;
  std::int64_t num_inf_ = 0;
  std::int64_t num_elements_ = 0;
  ElementHash hash_;
};

}  // namespace wishart::spectrum
