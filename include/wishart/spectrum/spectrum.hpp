#pragma once

/// @file
/// All singular values of a matrix, on one rank or on a team. docs/numerics.md explains the
/// methods.

#include <cstdint>
#include <memory>

#include "wishart/mpi/comm.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/panel.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/spectrum/element_source.hpp"
#include "wishart/spectrum/process_grid.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// The ranks that share a matrix, with the process grid of ScaLAPACK, made when first used.
class Team {
public:
  /// @param comm  borrowed; must outlive this
  explicit Team(const mpi::Comm& comm) : comm_(&comm) {}

  [[nodiscard]] const mpi::Comm& comm() const noexcept { return *comm_; }
  /// Collective over the team when first called.
  [[nodiscard]] const ProcessGrid& grid();

private:
  const mpi::Comm* comm_;
  std::unique_ptr<ProcessGrid> grid_;
};

/// True if this build has ELPA.
[[nodiscard]] bool have_elpa() noexcept;

struct SolveOptions {
  Method method = Method::gram;
  Precision precision = Precision::float64;  ///< for Method::gram
  Solver solver = Solver::automatic;         ///< for Method::gram on a team
  /// Compute again by `qr` where the Gram matrix leaves more than kResolveShare unresolved.
  bool resolve = false;
  /// No rank of the team holds a whole Gram matrix (it does not fit): PDSYRK on the grid.
  bool distributed = false;
  std::int64_t panel_bytes = kDefaultPanelBytes;  ///< elements read at once, as float64
  std::int64_t block = 64;  ///< block of the block-cyclic layout; smaller for small matrices
  /// Elements of an array that goes to a Fortran library whole: its indices are 32 bits.
  std::int64_t index_limit = (std::int64_t{1} << 31U) - 1;
};

/// The share of values below the floor above which `resolve` computes again.
inline constexpr double kResolveShare = 0.01;

/// Computes the spectrum of `matrix`. Collective over the team; the result is complete on its rank
/// 0 and has no `sigma` on the others.
///
/// What goes wrong with this matrix alone (its file cannot be read, the solver does not converge,
/// memory runs out) comes back as a spectrum with status `failed` and the reason.
///
/// @param workspace  this rank's; what it handed out before is taken back
[[nodiscard]] Spectrum compute_spectrum(const Matrix& matrix, ElementSource& source, Team& team,
                                        const SolveOptions& options, Workspace& workspace);

/// The relative size of the smallest singular value that a method resolves, sigma_floor /
/// sigma_max, for a matrix with this longer side.
///
/// svd, qr: long_side * eps, the usual tolerance of numerical rank (Golub, Van Loan,
/// section 5.4.1). gram: sqrt(8 sqrt(long_side) eps): rounding in the Gram matrix and in its
/// eigenvalues is an absolute error of a few eps * lambda_max that grows like the root of the
/// number of summands. eps is that of float32 for float32 products.
[[nodiscard]] double relative_floor(Method method, Precision precision,
                                    std::int64_t long_side) noexcept;

/// The largest accepted |sum sigma^2 - sum of squares| / sum of squares: 64 sqrt(rows + cols) eps.
[[nodiscard]] double sum_squares_bound(Precision precision, std::int64_t rows,
                                       std::int64_t cols) noexcept;

/// Limits the BLAS of this process to `threads` threads, where it can be told (OpenBLAS).
/// @return false if the BLAS has no such call
bool set_blas_threads(int threads) noexcept;

/// Threads that the BLAS of this process uses; 0 if it cannot be asked.
[[nodiscard]] std::int64_t blas_threads() noexcept;

}  // namespace wishart::spectrum
