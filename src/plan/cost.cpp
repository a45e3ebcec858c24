#include "wishart/plan/cost.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "wishart/record/held.hpp"
#include "wishart/record/trap_row.hpp"

namespace wishart::plan {
namespace {

constexpr double kGiga = 1e9;

/// Columns of workspace that the solvers need in addition to their matrices, in units of the band
/// width: ten sides of updates, the band itself with room for the bulge chase, and vectors
/// (src/spectrum/eigenvalues.cpp).
constexpr double kSolverWidths = 13;
/// The same without a band: blocks and vectors of the one-stage routines.
constexpr double kSmallSolverColumns = 100;
/// Columns of workspace for two-stage singular values: six sides of updates, the band with room for
/// the bulge, 64 for a triangular factor before, and vectors (src/spectrum/singular_values.cpp).
constexpr double kSvdColumns = 10 * 64 + 32;
/// Buffers for the sums of a team (src/spectrum/exchange.cpp).
constexpr double kExchangeBytes = 2.0 * (32 << 20);
/// Below this order the engine computes eigenvalues in one stage (src/spectrum/eigenvalues.cpp).
constexpr double kTwoStageFrom = 1024;
/// The same for singular values (src/spectrum/singular_values.cpp), and the width of their band.
constexpr double kTwoStageSvdFrom = 512;
constexpr double kSvdBandWidth = 64;
/// With sides closer than this the smallest singular value is often too small for the Gram matrix's
/// errors (docs/numerics.md).
constexpr double kNearlySquare = 1.1;
/// Teams do not scale perfectly: parallel efficiency per doubling.
constexpr double kTeamEfficiency = 0.9;

struct Extents {
  double n = 0;  ///< long side
  double m = 0;  ///< short side
  double p = 1;  ///< ranks
};

/// Width of the band of the two-stage reduction (src/spectrum/eigenvalues.cpp).
double band_width(double m) { return m < 6000 ? 64 : (m < 16000 ? 96 : 128); }

double local_eigen_seconds(double m, const Rates& rates) {
  const double reduction = 4.0 / 3.0 * m * m * m;
  const double tridiagonal = rates.tridiagonal_ns * m * m / kGiga;
  if (m < kTwoStageFrom) return reduction / (rates.one_stage_gflops * kGiga) + tridiagonal;
  return reduction / (rates.band_gflops * kGiga) +
         6 * m * m * band_width(m) / (rates.chase_gflops * kGiga) + tridiagonal;
}

/// Seconds for all singular values of a square matrix on one rank.
double local_svd_seconds(double m, const Rates& rates) {
  const double reduction = 8.0 / 3.0 * m * m * m;
  if (m < kTwoStageSvdFrom) return reduction / (rates.svd_gflops * kGiga);
  return reduction / (rates.svd_band_gflops * kGiga) +
         8 * m * m * kSvdBandWidth / (rates.chase_gflops * kGiga) +
         rates.tridiagonal_ns * m * m / kGiga;
}

double team_share(double p) { return p * std::pow(kTeamEfficiency, std::log2(p)); }

/// The form in which `way` multiplies the elements of `matrix` as integers, if it does.
std::optional<IntegerForm> form_for(const Matrix& matrix, const Way& way) {
  if (way.method != Method::gram || way.products != Products::integer) return std::nullopt;
  return integer_form(matrix);
}

double products_gflops(const Matrix& matrix, const Way& way, const Rates& rates) {
  if (way.precision == Precision::float32) return rates.gram32_gflops;
  const auto form = form_for(matrix, way);
  return form ? rates.integer_gflops * 5 / form->bytes : rates.gram_gflops;
}

double gram_seconds(const Extents& e, const Way& way, double gflops, const Rates& rates) {
  const double share = way.distributed ? team_share(e.p) : e.p;
  const double read = 8 * e.n * e.m / (rates.read_gbytes * kGiga) / e.p;
  // Reading overlaps with the products. But on a machine with a rank on every core it takes its
  // time from them, so the times are added.
  double seconds = e.n * e.m * e.m / (gflops * kGiga) / share + read;
  if (e.p > 1) seconds += 8 * e.m * e.m / (rates.exchange_gbytes * kGiga);
  if (e.p == 1 || way.solver == Solver::local) return seconds + local_eigen_seconds(e.m, rates);
  return seconds +
         4.0 / 3.0 * e.m * e.m * e.m / (rates.distributed_gflops * kGiga) / team_share(e.p) +
         rates.tridiagonal_ns * e.m * e.m / kGiga;
}

double view_seconds(const Matrix& matrix, const Extents& e, const Way& way, const Rates& rates) {
  if (way.method == Method::gram) {
    return gram_seconds(e, way, products_gflops(matrix, way, rates), rates);
  }
  const double read = 8 * e.n * e.m / (rates.read_gbytes * kGiga) / e.p;
  if (way.method == Method::qr) {
    const double combine = e.p > 1 ? std::ceil(std::log2(e.p)) * 2.0 / 3.0 * e.m * e.m * e.m : 0;
    return read + (2 * e.n * e.m * e.m / e.p + combine) / (rates.qr_gflops * kGiga) +
           local_svd_seconds(e.m, rates);
  }
  if (e.p == 1 && e.m >= kTwoStageSvdFrom) {
    const double triangle = e.n > e.m ? 2 * e.n * e.m * e.m - 2.0 / 3.0 * e.m * e.m * e.m : 0;
    return read + triangle / (rates.band_gflops * kGiga) + local_svd_seconds(e.m, rates);
  }
  const double flops = std::min(4 * e.n * e.m * e.m - 4.0 / 3.0 * e.m * e.m * e.m,
                                2 * e.n * e.m * e.m + 2 * e.m * e.m * e.m);
  return read + flops / (rates.svd_gflops * kGiga) / team_share(e.p);
}

/// Steps for each element of a random order, from 1 to 4: the order is that of the next power of
/// four, and what falls beyond the elements takes another step (fit::KeyedBijection).
double steps_per_element(double elements) {
  return std::pow(4, std::ceil(std::log2(elements) / 2)) / elements;
}

/// Seconds for the elements of one view in one random order.
double permuting_seconds(const Matrix& matrix, const Extents& e, const Way& way,
                         const Rates& rates) {
  const double elements = e.n * e.m;
  const double steps = steps_per_element(std::max(elements, 4.0));
  if (way.held) return elements / e.p * steps * rates.held_ns / kGiga;
  // The whole view is read once for each window that this rank fills.
  const double passes = std::ceil(8 * elements / e.p / static_cast<double>(window_bytes(matrix)));
  return passes * elements * (steps * rates.passed_ns / kGiga + 8 / (rates.read_gbytes * kGiga));
}

/// Seconds for the windows of one view (fit::fixed_aspect_windows).
double windows_seconds(const Matrix& matrix, const Extents& e, const Way& way, const Rates& rates) {
  Extents window = e;
  double count = 1;
  if (e.n >= way.farms * e.m) {
    window.n = way.farms * e.m;
    count = std::ceil(e.n / window.n);
  } else {
    window.m = e.n / way.farms;
    count = std::ceil(e.m / window.m);
  }
  return count * view_seconds(matrix, window, way, rates);
}

/// Nanoseconds per singular value for the fits of a spectrum.
double fit_ns(const Way& way, const Rates& rates) {
  return rates.fit_ns + static_cast<double>(way.bootstrap) * rates.bootstrap_ns +
         static_cast<double>(way.gof) * rates.gof_ns;
}

/// Columns of the bases of leading vectors and of their workspace (src/spectrum/top_vectors.cpp).
constexpr double kBasisColumns = 2 * 128 + 4 * 16;
/// Products with each Gram matrix for ten leading vectors: five restarts of eight blocks.
constexpr double kBasisProducts = 40 * 16;

/// Columns of the bases that count intruder dimensions (src/spectrum/intruder_count.cpp): ten
/// vectors, 256 steps at most.
constexpr double kIntruderColumns = 10;
constexpr double kIntruderSteps = 256;

/// Seconds for the comparison of one view with its base.
double comparing_seconds(const Extents& e, const Rates& rates) {
  const double read = 2 * 8 * e.n * e.m / (rates.read_gbytes * kGiga) / e.p;
  const double grams = 4 * e.n * e.m * e.m / (rates.gram_gflops * kGiga) / e.p;
  const double vectors = 2 * 2 * e.m * e.m * kBasisProducts / (rates.gram_gflops * kGiga) / e.p;
  const double exchange = e.p > 1 ? 3 * 8 * e.m * e.m / (rates.exchange_gbytes * kGiga) : 0;
  return read + grams + vectors + exchange;
}

/// Two or three Gram matrices (src/spectrum/comparison.cpp), panels of both matrices, and the
/// bases. Those of the leading vectors are freed before intruders are counted.
double comparison_bytes(double m, bool tall, double panels) {
  const double columns = std::max(kBasisColumns, kIntruderColumns * std::min(m, kIntruderSteps));
  return (tall ? 24 : 16) * m * m + 2 * panels + 8 * m * columns;
}

/// Blocks of a basis, and vectors beyond those wanted (src/spectrum/top_vectors.cpp).
constexpr double kBasisBlocks = 8;
constexpr double kGuardVectors = 6;

/// One Gram matrix, divided among the ranks, panels, the basis of the leading vectors, and these
/// vectors (src/spectrum/leading_vectors.cpp, src/job/scan/work/trap_rows.cpp). The mean of the
/// elements may cause one more large value in each view.
double trap_bytes(const Extents& e, double views, double panels) {
  const double wanted = std::min(1 + static_cast<double>(kMostTrapRows), e.m);
  const double block = std::min(wanted + kGuardVectors, e.m);
  const double basis = 2 * std::min(kBasisBlocks * block, e.m) + 6 * block;
  return 8 * e.m * std::ceil(e.m / e.p) + panels + 8 * e.m * basis +
         8 * (e.n + e.m) * views * wanted;
}

}  // namespace

Rates Rates::scaled(double factor) const noexcept {
  Rates rates = *this;
  for (double* rate :
       {&rates.gram_gflops, &rates.gram32_gflops, &rates.integer_gflops, &rates.band_gflops,
        &rates.chase_gflops, &rates.one_stage_gflops, &rates.qr_gflops, &rates.svd_gflops,
        &rates.svd_band_gflops, &rates.distributed_gflops, &rates.read_gbytes}) {
    *rate *= factor;
  }
  rates.tridiagonal_ns /= factor;
  rates.held_ns /= factor;
  rates.passed_ns /= factor;
  rates.matrix_seconds /= factor;
  return rates;
}

double cost_flops(const Matrix& matrix, Method method) noexcept {
  const auto n = static_cast<double>(matrix.long_side());
  const auto m = static_cast<double>(matrix.short_side());
  const auto views = static_cast<double>(matrix.num_views());
  if (method == Method::gram) return views * (n * m * m + 4.0 / 3.0 * m * m * m);
  if (method == Method::qr) return views * (2 * n * m * m + 8.0 / 3.0 * m * m * m);
  const double direct = 4 * n * m * m - 4.0 / 3.0 * m * m * m;
  const double qr_first = 2 * n * m * m + 2 * m * m * m;
  return views * std::min(direct, qr_first);
}

Way by_svd(const Way& way) noexcept {
  Way svd = way;
  svd.method = Method::svd;
  svd.checked = false;
  svd.precision = Precision::float64;
  svd.products = Products::float64;
  svd.solver = Solver::local;
  svd.distributed = false;
  return svd;
}

double cost_seconds(const Matrix& matrix, const Way& way, const Rates& rates) noexcept {
  if (way.checked) {
    Way unchecked = way;
    unchecked.checked = false;
    const double check =
        static_cast<double>(matrix.num_views() * matrix.short_side()) * rates.check_ns / kGiga;
    const bool square = static_cast<double>(matrix.long_side()) <
                        kNearlySquare * static_cast<double>(matrix.short_side());
    return cost_seconds(matrix, unchecked, rates) + check +
           (square ? cost_seconds(matrix, by_svd(way), rates) : 0);
  }
  const Extents e{static_cast<double>(matrix.long_side()), static_cast<double>(matrix.short_side()),
                  static_cast<double>(way.team_size)};
  const auto views = static_cast<double>(matrix.num_views());
  const double spectrum = rates.matrix_seconds + views * view_seconds(matrix, e, way, rates);
  double more = views * e.m * fit_ns(way, rates) / kGiga;
  if (way.compare) more += views * comparing_seconds(e, rates);
  if (way.farms > 0) more += views * windows_seconds(matrix, e, way, rates);
  if (way.randomize == 0) return spectrum + more;
  const double randomised = spectrum + views * permuting_seconds(matrix, e, way, rates);
  return spectrum + more + static_cast<double>(way.randomize) * randomised;
}

std::int64_t memory_bytes(const Matrix& matrix, const Way& way) noexcept {
  if (way.checked) {
    Way unchecked = way;
    unchecked.checked = false;
    return std::max(memory_bytes(matrix, unchecked), memory_bytes(matrix, by_svd(way)));
  }
  // Computed in doubles, which are accurate enough for the sizes of real matrices.
  const auto n = static_cast<double>(matrix.long_side());
  const auto m = static_cast<double>(matrix.short_side());
  const auto p = static_cast<double>(way.team_size);
  const double square = 8 * m * m;
  const double slice = std::ceil(n / p);
  const auto form = form_for(matrix, way);
  const auto depth =
      static_cast<double>(form ? integer_panel_depth(matrix, way.panel_bytes, *form)
                               : panel_depth(matrix, way.panel_bytes, way.precision));
  const bool floats = form || way.precision == Precision::float32;
  const double element = floats ? 4 : 8;
  // Two buffers, one being filled while the other is used, and the stored bytes that the reader
  // holds.
  const double panels = element * m * std::min(slice, depth) * (slice > depth ? 2 : 1) +
                        (floats ? 8 * std::max(65536.0, std::max(m, depth)) : 0) +
                        (way.precision == Precision::float32 ? 4 * m * 128 : 0) +
                        (form ? static_cast<double>(integer_bytes(
                                    matrix.short_side(), static_cast<std::int64_t>(depth), *form))
                              : 0);
  // Block-cyclic shares differ by up to one block per dimension.
  const double share = 1.1 * square / p;
  const double vectors =
      8 * (m < kTwoStageFrom ? kSmallSolverColumns : kSolverWidths * band_width(m)) * m;
  const double svd_vectors = m < kTwoStageSvdFrom ? 0 : 8 * kSvdColumns * (m + 32);
  double bytes = 0;
  if (way.method == Method::svd) {
    // The whole matrix. GESDD's and PDGESVD's workspace holds a square of the short side, the two
    // stages need blocks and the band with room for the chase (src/spectrum/singular_values.cpp).
    const bool two_stages = way.team_size == 1 && m >= kTwoStageSvdFrom;
    bytes = (way.team_size == 1 ? 1.0 : 1.1) * (8 * n * m / p + (two_stages ? 0 : square / p)) +
            std::max(vectors, svd_vectors);
  } else if (way.method == Method::qr) {
    bytes = square * (way.team_size > 1 ? 2 : 1) + 1.5 * panels + std::max(vectors, svd_vectors);
  } else if (way.distributed) {
    bytes = share * (way.solver == Solver::elpa ? 3 : 2) + panels + vectors;
  } else {
    bytes = square + panels + vectors;
    if (way.team_size > 1) bytes += kExchangeBytes;
    if (way.team_size > 1 && way.solver != Solver::local) bytes += 2 * share;
  }
  if (way.randomize > 0) {
    // The traps are measured after the spectrum of each order, in the same memory.
    bytes = std::max(bytes, trap_bytes({n, m, p}, static_cast<double>(matrix.num_views()), panels));
    bytes += static_cast<double>(way.held ? held_bytes(matrix) : window_bytes(matrix));
  }
  // The comparison runs after the spectrum, in the same memory.
  if (way.compare) bytes = std::max(bytes, comparison_bytes(m, matrix.rows >= matrix.cols, panels));
  return static_cast<std::int64_t>(bytes + 8 * m);
}

}  // namespace wishart::plan
