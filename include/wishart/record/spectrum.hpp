#pragma once

/// @file
/// The spectrum of a matrix: all its singular values and how they were computed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/adapter.hpp"
#include "wishart/record/products.hpp"
#include "wishart/record/trap_row.hpp"
#include "wishart/record/weight_measures.hpp"

namespace wishart {

/// How singular values are computed (docs/numerics.md).
enum class Method : std::uint8_t {
  gram,  ///< eigenvalues of the float64 Gram matrix of the short side
  svd,   ///< LAPACK GESDD or ScaLAPACK PDGESVD: slow, resolves small values
  qr,    ///< Householder QR, then the SVD of R: resolves small values, streams
};

[[nodiscard]] constexpr std::string_view method_name(Method method) noexcept {
  switch (method) {
    case Method::svd:
      return "svd";
    case Method::qr:
      return "qr";
    case Method::gram:
      break;
  }
  return "gram";
}

/// The precision of the products that form a Gram matrix. Everything else is float64.
enum class Precision : std::uint8_t {
  float64,
  float32,  ///< products of a panel in float32, their sums in float64: for screening
};

[[nodiscard]] constexpr std::string_view precision_name(Precision precision) noexcept {
  return precision == Precision::float64 ? "float64" : "float32";
}

/// Where the eigenvalues of a team's Gram matrix are computed.
enum class Solver : std::uint8_t {
  automatic,  ///< by the size of the team (docs/numerics.md)
  local,      ///< on the team's first rank, by the two-stage reduction
  scalapack,  ///< on all ranks, PDSYNTRD
  elpa,       ///< on all ranks, ELPA's two-stage solver, if the build has it
};

[[nodiscard]] constexpr std::string_view solver_name(Solver solver) noexcept {
  switch (solver) {
    case Solver::local:
      return "local";
    case Solver::scalapack:
      return "scalapack";
    case Solver::elpa:
      return "elpa";
    case Solver::automatic:
      break;
  }
  return "auto";
}

enum class SpectrumStatus : std::uint8_t {
  ok,
  nonfinite,     ///< NaN or infinite elements: counted, not decomposed
  not_computed,  ///< see `reason`; the status of its row is `error`
};

/// The singular values of a matrix, as analysed (after the factor `w_norm`).
struct Spectrum {
  SpectrumStatus status = SpectrumStatus::not_computed;
  std::string reason;          ///< why there are no values; empty if ok
  std::int32_t exit_code = 0;  ///< exit code of the failure: 3 input, 4 resource, 5 numerics
  Method method = Method::gram;
  Precision precision = Precision::float64;
  ProductRecord products;
  std::string solver;  ///< the routine that computed the values: `two-stage`, `dsyevd`, `pdsyntrd`,
                       ///< `elpa-2stage`...
  std::int32_t team_size = 1;  ///< ranks that shared the work

  std::vector<double> sigma;  ///< ascending, over all views; empty unless ok
  /// The same view by view, each ascending, if SolveOptions::by_view. Not sent, not stored.
  std::vector<double> sigma_by_view;
  /// Smallest and largest singular value of each view, and how many of its values are at or below
  /// sigma_max * long_side * eps. WeightWatcher's sv_min, sv_max and rank_loss need them per view.
  std::vector<double> view_sigma_min;
  std::vector<double> view_sigma_max;
  std::vector<std::int64_t> view_rank_loss;

  double floor_sigma = 0;            ///< values below it are not resolved by the method
  std::int64_t num_below_floor = 0;  ///< counted view by view, each against its own floor
  double sum_squares = 0;            ///< of the elements as read and scaled
  double sum_squares_error = 0;      ///< |sum sigma^2 - sum_squares| / sum_squares
  std::int64_t num_nan = 0;
  std::int64_t num_inf = 0;
  std::string hash;     ///< of the stored values (wishart::ElementHash)
  double seconds = 0;   ///< wall time, reading included
  std::string same_as;  ///< checkpoint it was copied from (equal weights); else empty
  WeightMeasures weights;
  AdapterMeasures adapter;
  std::vector<TrapRow> traps;  ///< without layer_id and name
};

template <class F>
void visit_fields(Spectrum& v, F&& f) {
  f(v.status), f(v.reason), f(v.exit_code), f(v.method), f(v.precision), f(v.products), f(v.solver),
      f(v.team_size), f(v.sigma), f(v.view_sigma_min), f(v.view_sigma_max), f(v.view_rank_loss),
      f(v.floor_sigma), f(v.num_below_floor), f(v.sum_squares), f(v.sum_squares_error),
      f(v.num_nan), f(v.num_inf), f(v.hash), f(v.seconds), f(v.same_as), f(v.weights), f(v.adapter),
      f(v.traps);
}

}  // namespace wishart
