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

/// The ranks that share a matrix, and their ScaLAPACK process grid, which is made when first used.
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

/// The most bytes that an integer may become (IntegerForm::bytes) for Gram matrices to be formed
/// faster from integers than by the BLAS in float64, on this processor with one thread a rank; 0 if
/// they never are (docs/performance.md, "Integer products").
[[nodiscard]] std::int64_t paying_bytes() noexcept;

/// True if this build has ELPA.
[[nodiscard]] bool have_elpa() noexcept;

struct SolveOptions {
  Method method = Method::gram;
  Precision precision = Precision::float64;  ///< for Method::gram
  /// For Method::gram in float64. `automatic` is decided before, for all ranks: paying_bytes().
  Products products = Products::float64;
  Solver solver = Solver::automatic;  ///< for Method::gram on a team
  /// Recompute with `qr` if the Gram matrix leaves more than kResolveShare of the values
  /// unresolved.
  bool resolve = false;
  bool by_view = false;  ///< keep Spectrum::sigma_by_view
  /// No rank of the team holds a whole Gram matrix, because it does not fit: use PDSYRK on the
  /// grid.
  bool distributed = false;
  std::int64_t panel_bytes = kDefaultPanelBytes;  ///< bytes of elements, as float64, read at once
  std::int64_t block = 64;  ///< block size of the block-cyclic layout; smaller for small matrices
  /// The most elements of an array that is passed to a Fortran library, whose indices have 32 bits.
  std::int64_t index_limit = (std::int64_t{1} << 31U) - 1;
};

/// `resolve` recomputes if more than this share of the values is below the floor.
inline constexpr double kResolveShare = 0.01;

/// Computes the spectrum of `matrix`. Collective over the team; the result is complete on its rank
/// 0 and has no `sigma` on the others.
///
/// An error that concerns this matrix alone (its file cannot be read, the solver does not converge,
/// memory runs out) is returned as a spectrum with status `failed` and the reason.
///
/// @param workspace  of this rank; memory that it handed out before is reclaimed
[[nodiscard]] Spectrum compute_spectrum(const Matrix& matrix, ElementSource& source, Team& team,
                                        const SolveOptions& options, Workspace& workspace);

/// The relative size of the smallest singular value that a method resolves, sigma_floor /
/// sigma_max, for a matrix with this long side.
///
/// svd, qr: long_side * eps, the usual tolerance of numerical rank (Golub, Van Loan, section
/// 5.4.1). gram: sqrt(8 sqrt(long_side) eps): rounding in the Gram matrix and in its eigenvalues is
/// an absolute error of a few eps * lambda_max that grows with the square root of the number of
/// summands. eps is that of float32 for float32 products.
[[nodiscard]] double relative_floor(Method method, Precision precision,
                                    std::int64_t long_side) noexcept;

/// The largest accepted |sum sigma^2 - sum of squares| / sum of squares: 64 sqrt(rows + cols) eps.
[[nodiscard]] double sum_squares_bound(Precision precision, std::int64_t rows,
                                       std::int64_t cols) noexcept;

/// Limits the BLAS of this process to `threads` threads, by the calls of OpenBLAS, BLIS, MKL and
/// OpenMP, as far as they are loaded.
/// @return false if there is none of them
bool set_blas_threads(int threads) noexcept;

/// The number of threads that the BLAS of this process uses; 0 if it has no call for that.
[[nodiscard]] std::int64_t blas_threads() noexcept;

}  // namespace wishart::spectrum
