#pragma once

/// @file
/// Inside of the module: the singular values of one view, by method and by kind of team.

#include <vector>

#include "wishart/spectrum/spectrum.hpp"
#include "wishart/spectrum/tally.hpp"

namespace wishart::spectrum {

/// One view of a matrix, as the solvers see it.
struct ViewTask {
  const Matrix* matrix = nullptr;
  ElementSource* source = nullptr;
  std::int64_t view = 0;

  [[nodiscard]] std::int64_t rows() const noexcept { return matrix->rows; }
  [[nodiscard]] std::int64_t cols() const noexcept { return matrix->cols; }
  /// Linear position of element (row, col) over all views.
  [[nodiscard]] std::int64_t position(std::int64_t row, std::int64_t col) const noexcept {
    return (view * rows() + row) * cols() + col;
  }
};

/// Values of one view. Elements are tallied as they are read. If any rank of the team found a
/// non-finite element, nothing is computed and `sigma` is empty.
struct ViewValues {
  std::vector<double> sigma;  ///< ascending
  const char* solver = "";
};

/// @throws Error with Blame::numerics if LAPACK reports a failure
[[nodiscard]] ViewValues local_gram_values(const ViewTask& task, const SolveOptions& options,
                                           Tally& tally);
[[nodiscard]] ViewValues local_svd_values(const ViewTask& task, Tally& tally);

/// Collective over the team. The values are the same on every rank.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] ViewValues team_gram_values(const ViewTask& task, Team& team,
                                          const SolveOptions& options, Tally& tally);
[[nodiscard]] ViewValues team_svd_values(const ViewTask& task, Team& team,
                                         const SolveOptions& options, Tally& tally);

/// Square roots of eigenvalues of a Gram matrix; negative ones, which rounding makes, become 0.
void eigenvalues_to_sigma(std::vector<double>& values);

/// `value` of a workspace query as a length: stepped up by one unit in the last place, because it
/// comes back as a float that may have been rounded down, and at least `least`.
[[nodiscard]] int workspace_length(double value, std::int64_t least, const char* routine);

/// Throws Error with Blame::numerics (or bug, for a bad argument) if `info` is not 0.
void check_info(int info, const char* routine);

}  // namespace wishart::spectrum
