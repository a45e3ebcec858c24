#pragma once

/// @file
/// Internal: the singular values of one view, by method, on one rank or on a team.

#include <string>
#include <vector>

#include "wishart/spectrum/spectrum.hpp"
#include "wishart/spectrum/tally.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// One view of a matrix, as seen by the solvers.
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

/// Values of one view. Elements are tallied as they are read. If any rank of the team finds a
/// non-finite element, nothing is computed and `sigma` is empty.
struct ViewValues {
  std::vector<double> sigma;  ///< ascending
  std::string solver;         ///< the routine, for the archive
  ProductRecord products;     ///< of this rank
  /// Nothing was computed, on any rank: integers were wanted, and an element is no float.
  bool needs_float64 = false;
};

/// Reads a block, tallies it row by row, and leaves it in `out`, row-major.
void read_tallied(const ViewTask& task, std::int64_t row_begin, std::int64_t row_end,
                  std::int64_t col_begin, std::int64_t col_end, std::span<double> out,
                  Tally& tally);

/// @throws Error with Blame::numerics if LAPACK reports a failure
[[nodiscard]] ViewValues local_gram_values(const ViewTask& task, const SolveOptions& options,
                                           Tally& tally, Workspace& workspace);
[[nodiscard]] ViewValues local_svd_values(const ViewTask& task, const SolveOptions& options,
                                          Tally& tally, Workspace& workspace);

/// Collective over the team. The values are complete on its rank 0.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] ViewValues team_gram_values(const ViewTask& task, Team& team,
                                          const SolveOptions& options, Tally& tally,
                                          Workspace& workspace);
[[nodiscard]] ViewValues team_svd_values(const ViewTask& task, Team& team,
                                         const SolveOptions& options, Tally& tally);
/// Collective over the team, which may have one rank.
[[nodiscard]] ViewValues qr_values(const ViewTask& task, Team& team, const SolveOptions& options,
                                   Tally& tally, Workspace& workspace);

/// Square roots of the eigenvalues of a Gram matrix. Negative ones, which are due to rounding,
/// become 0.
void eigenvalues_to_sigma(std::vector<double>& values);

/// The result `value` of a workspace query as a length, but at least `least`. It is increased by
/// one unit in the last place, because it was returned as a float and may have been rounded down.
[[nodiscard]] int workspace_length(double value, std::int64_t least, const char* routine);

/// Throws Error with Blame::resource if an array with this many elements exceeds the 32-bit indices
/// of the Fortran library that it is passed to.
void check_index(std::int64_t elements, const SolveOptions& options, const char* what);

/// Throws Error with Blame::numerics (or bug, for a bad argument) if `info` is not 0.
void check_info(int info, const char* routine);

}  // namespace wishart::spectrum
