#pragma once

/// @file
/// The cost model: operations, seconds and bytes of a matrix, done in a given way. Pure.

#include <cstdint>

#include "wishart/record/matrix.hpp"
#include "wishart/record/panel.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::plan {

/// How a matrix is done.
struct Way {
  Method method = Method::gram;
  Precision precision = Precision::float64;
  Solver solver = Solver::local;  ///< of a team; never `automatic`
  bool distributed = false;       ///< no rank of the team holds a whole Gram matrix
  int team_size = 1;
  std::int64_t panel_bytes = kDefaultPanelBytes;
  std::int64_t randomize = 0;  ///< spectra with the elements in random order, beside the own one
  bool held = false;           ///< for these, each rank holds all elements (docs/numerics.md)
  double farms = 0;            ///< spectra of windows of this aspect ratio too; 0: none
  bool compare = false;        ///< W with the base, where a rank can hold the Gram matrices
};

/// How fast one rank is at each stage. The defaults were measured on one core of a machine whose
/// dgemm gives 42 GFLOP/s (docs/performance.md); they decide what the plan compares, so that it is
/// the same on every machine and in every run. Predictions in seconds use measured ones.
struct Rates {
  double gram_gflops = 41;         ///< DSYRK on panels
  double gram32_gflops = 78;       ///< SGEMM on panels, with the addition in float64
  double band_gflops = 50;         ///< full matrix to band, 4/3 m^3
  double chase_gflops = 12;        ///< band to tridiagonal, 6 m^2 width
  double one_stage_gflops = 15;    ///< DSYEVD of small matrices, 4/3 m^3
  double tridiagonal_ns = 10;      ///< DSTERF: nanoseconds for each m^2
  double qr_gflops = 22;           ///< DTPQRT, 2 n m^2
  double svd_gflops = 9;           ///< GESDD, PDGESVD
  double distributed_gflops = 12;  ///< ELPA, PDSYNTRD: a rank of a team, 4/3 m^3
  double read_gbytes = 3;          ///< elements as float64: read, converted, tallied
  double exchange_gbytes = 2;      ///< sums between the ranks of a team
  double held_ns = 15;             ///< an element by a random order, from memory
  double passed_ns = 40;           ///< the same where the whole matrix passes for each window
  double matrix_seconds = 1e-4;    ///< for every matrix, whatever its size
  double fit_ns = 4000;            ///< fits and statistics: nanoseconds for each singular value

  /// The rates of a machine that multiplies `factor` times as fast. Fits do not multiply.
  [[nodiscard]] Rates scaled(double factor) const noexcept;
};

/// Operations for the singular values of all views of `matrix` (LAPACK Working Note 41 for the
/// factorisations): gram N M^2 + 4/3 M^3; qr 2 N M^2 + 8/3 M^3; svd 4 N M^2 - 4/3 M^3, or
/// 2 N M^2 + 2 M^3 by QR first.
[[nodiscard]] double cost_flops(const Matrix& matrix, Method method) noexcept;

/// Wall seconds of a team for `matrix`, its fit on one rank included.
[[nodiscard]] double cost_seconds(const Matrix& matrix, const Way& way,
                                  const Rates& rates) noexcept;

/// Bytes that the rank of the team that needs most takes for `matrix`, beside the program itself.
[[nodiscard]] std::int64_t memory_bytes(const Matrix& matrix, const Way& way) noexcept;

}  // namespace wishart::plan
