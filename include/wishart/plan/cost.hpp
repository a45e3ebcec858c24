#pragma once

/// @file
/// The cost model: operations, seconds and bytes for a matrix that is solved in a given way. Pure.

#include <cstdint>

#include "wishart/record/matrix.hpp"
#include "wishart/record/panel.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::plan {

/// How a matrix is solved.
struct Way {
  Method method = Method::gram;
  /// Compat mode, for Method::gram: the spectrum is checked, and computed by SVD if it does not
  /// hold the promised digits (fit/gram_suffices.hpp).
  bool checked = false;
  Precision precision = Precision::float64;
  Products products = Products::float64;  ///< never `automatic`
  Solver solver = Solver::local;          ///< of a team; never `automatic`
  bool distributed = false;               ///< no rank of the team holds a whole Gram matrix
  int team_size = 1;
  std::int64_t panel_bytes = kDefaultPanelBytes;
  std::int64_t randomize =
      0;                 ///< spectra with the elements in random order, in addition to its own
  bool held = false;     ///< each rank holds all elements for these (docs/numerics.md)
  double farms = 0;      ///< aspect ratio of the windows that get spectra too; 0: none
  bool compare = false;  ///< compare W with the base, if a rank can hold the Gram matrices
  std::int64_t bootstrap = 0;  ///< replicas of each fit for the interval of alpha
  std::int64_t gof = 0;        ///< replicas of each fit for its goodness
};

/// The same way with the SVD.
[[nodiscard]] Way by_svd(const Way& way) noexcept;

/// The speed of one rank at each stage. The defaults were measured on one core of a machine with 42
/// GFLOP/s in dgemm (docs/performance.md). The plan decides by the defaults, so that it is the same
/// on every machine and in every run. Predictions in seconds use measured rates.
struct Rates {
  double gram_gflops = 41;         ///< DSYRK on panels
  double gram32_gflops = 78;       ///< SGEMM on panels, including the addition in float64
  double integer_gflops = 92;      ///< from integers of 5 bytes with VNNI; with AMX it is more
  double band_gflops = 50;         ///< full matrix to band, 4/3 m^3
  double chase_gflops = 12;        ///< band to tridiagonal, 6 m^2 width
  double one_stage_gflops = 15;    ///< DSYEVD of small matrices, 4/3 m^3
  double tridiagonal_ns = 10;      ///< DSTERF: nanoseconds for each m^2
  double qr_gflops = 22;           ///< DTPQRT, 2 n m^2
  double svd_gflops = 9;           ///< GESDD of small matrices, PDGESVD
  double svd_band_gflops = 33;     ///< square matrix to upper band, 8/3 m^3
  double distributed_gflops = 12;  ///< ELPA, PDSYNTRD: a rank of a team, 4/3 m^3
  double read_gbytes = 3;          ///< elements as float64: read, converted, tallied
  double exchange_gbytes = 2;      ///< sums between the ranks of a team
  double held_ns = 15;             ///< per step of an element of a random order, from memory
  double passed_ns = 40;           ///< the same if the whole matrix is read once per window
  double matrix_seconds = 1e-4;    ///< overhead of every matrix and of its fit, whatever their size
  double check_ns = 25000;         ///< of compat mode's digits: nanoseconds per singular value
  double fit_ns = 450;             ///< fits and statistics: nanoseconds per singular value
  double bootstrap_ns = 36;        ///< the same per singular value and replica
  double gof_ns = 78;              ///< of replicas for the goodness of fit, which are fitted anew

  /// The rates of a machine that multiplies matrices `factor` times as fast. Fits are not scaled.
  [[nodiscard]] Rates scaled(double factor) const noexcept;
};

/// Operations to compute the singular values of all views of `matrix` (LAPACK Working Note 41 for
/// the factorisations): gram N M^2 + 4/3 M^3; qr 2 N M^2 + 8/3 M^3; svd 4 N M^2 - 4/3 M^3, or 2 N
/// M^2 + 2 M^3 by QR first.
[[nodiscard]] double cost_flops(const Matrix& matrix, Method method) noexcept;

/// Wall seconds of a team for `matrix`, its fit on one rank included. Of a way that is checked,
/// with the SVD if the matrix is nearly square, because its smallest value is then too small.
[[nodiscard]] double cost_seconds(const Matrix& matrix, const Way& way,
                                  const Rates& rates) noexcept;

/// Bytes for `matrix` on the rank of the team that needs most, in addition to the program itself.
/// Of a way that is checked, enough for the SVD.
[[nodiscard]] std::int64_t memory_bytes(const Matrix& matrix, const Way& way) noexcept;

}  // namespace wishart::plan
