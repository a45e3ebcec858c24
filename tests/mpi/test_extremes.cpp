/// @file
/// 200 small matrices that lie (denormals, the largest numbers of each type, one huge element, low
/// rank, repeated values, graded over 300 decades, -0.0) beside singular values and measures by
/// mpmath; and elements whose squares do not fit, which are refused.

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include <catch2/catch.hpp>

#include "wishart/fit/metrics.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "mpi/extreme_numbers.hpp"
#include "mpi/matrices.hpp"
#include "support/mpi_main.hpp"

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::ElementFunction;
using wishart::test::ExtremeNumbers;
using wishart::test::FunctionSource;
using wishart::test::kExtremeNumbers;
using wishart::test::matrix_of;
using wishart::test::world;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

double power(std::int64_t exponent) { return std::ldexp(1.0, static_cast<int>(exponent)); }

/// From -504 to 504, never 0.
double noise(std::int64_t p, std::int64_t s) {
  const std::int64_t value = (p * p * 31 + p * 17 + s * 101) % 1009 - 504;
  return value == 0 ? 1 : static_cast<double>(value);
}

/// As `element` of make_extreme_numbers.py.
double element(const ExtremeNumbers& of, std::int64_t i, std::int64_t j) {
  const std::int64_t p = i * of.cols + j;
  const double t = noise(p, of.kind);
  const double sign = t > 0 ? 1 : -1;
  const double hadamard = std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 1 ? -1 : 1;
  switch (of.kind) {
    case 0:
      return t;
    case 1:
      return t * power(-149);
    case 2:
      return sign * 0xffffffp104;
    case 3:
      return sign * 255 * power(120);
    case 4:
      return sign * 65504;
    case 5:
      return 0xffffffp104;
    case 6:
      return p == of.rows * of.cols / 2 ? power(120) : t * power(-9);
    case 7:
      return noise(i, 1) * noise(j, 2);
    case 8:
      return noise(i, 0) * noise(j, 3) + noise(i, 1) * noise(j, 4) + noise(i, 2) * noise(j, 5);
    case 9:
      return noise(i / 2 * of.cols + j / 2, of.kind);
    case 10:
      return hadamard;
    case 11:
      return hadamard * power((of.rows >= of.cols ? j : i) % 3);
    case 12:
      return t * power(200 - i * 996 / of.rows);
    case 13:
      return t * power(200 - j * 996 / of.cols);
    case 14:
      return t * power(200 - (i + j) * 996 / (of.rows + of.cols));
    case 15:
      return i == j ? power(240 - i * 480 / std::min(of.rows, of.cols)) : 0;
    case 16:
      return (i + j) % 2 == 1 ? -0.0 : 0.7;
    case 17:
      return t * power(240);
    case 18:
      return t * power(-250);
    default:
      if (i == 0) return 1;
      return i == j + 1 ? power(-30) : 0;
  }
}

struct Way {
  const char* name;
  Method method;
  Solver solver = Solver::automatic;
  bool distributed = false;
  Precision precision = Precision::float64;
  Products products = Products::float64;
};

const std::vector<Way> kWays{
    {"gram", Method::gram},
    {"gram, ScaLAPACK", Method::gram, Solver::scalapack, true},
    {"gram, float32", Method::gram, Solver::automatic, false, Precision::float32},
    {"gram, integers", Method::gram, Solver::automatic, false, Precision::float64,
     Products::integer},
    {"qr", Method::qr},
    {"svd", Method::svd},
};

Spectrum solved(const Matrix& matrix, const ElementFunction& of, const Way& way, Team& team,
                Workspace& workspace) {
  FunctionSource source(of);
  SolveOptions options;
  options.method = way.method;
  options.solver = way.solver;
  options.distributed = way.distributed;
  options.precision = way.precision;
  options.products = way.products;
  return compute_spectrum(matrix, source, team, options, workspace);
}

/// The bounds of docs/numerics.md: an eigenvalue of a Gram matrix is off by at most floor^2, and so
/// is sigma by floor^2 / (sigma + sigma'); the others are off by 8 sqrt(N) eps sigma_max.
void check_values(const Spectrum& spectrum, const ExtremeNumbers& expected, std::int64_t n) {
  const std::size_t count = spectrum.sigma.size();
  REQUIRE(count == static_cast<std::size_t>(std::min(expected.rows, expected.cols)));
  const double largest = expected.sigma[count - 1];
  const double absolute = 8 * std::sqrt(static_cast<double>(n)) * kEps * largest;
  const double floor = relative_floor(spectrum.method, spectrum.precision, n) * largest;
  std::int64_t zeros = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double a = spectrum.sigma[i];
    const double b = expected.sigma[i];
    const double sum = a / floor + b / floor;
    const double bound =
        spectrum.method == Method::gram ? std::min(floor, sum > 0 ? floor / sum : 0) : 0;
    CAPTURE(i, a, b, bound, absolute);
    CHECK(std::abs(a - b) <= bound + absolute);
    if (b > 0) continue;
    ++zeros;
    CHECK(a <= spectrum.floor_sigma);  // what is zero is not resolved
  }
  CHECK(spectrum.num_below_floor >= zeros);
}

/// Every number of the row is finite, or not a number; and what is not fitted says why.
std::int64_t check_row(const LayerRow& row) {
  std::int64_t numbers = 0;
  visit_columns(row, [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
      CAPTURE(name, value);
      // The limit of a lognormal law that has become a power law.
      const std::string column = name;
      if (column != "ln_mu" && column != "ln_sigma") CHECK_FALSE(std::isinf(value));
      ++numbers;
    }
  });
  CHECK((row.status == "success") == std::isfinite(row.alpha));
  if (row.status != "success") CHECK_FALSE(row.reason.empty());
  // What remains below the spikes is a variance, or is not there.
  CHECK(row.sigma_mp >= 0);
  CHECK(row.bulk_min >= 0);
  CHECK(row.bulk_max >= row.bulk_min);
  CHECK((row.mp_at_bound || row.mp_D <= 1));
  return numbers;
}

/// Measures of a spectrum by SVD beside mpmath's: sums of n terms of up to 24 values that are off
/// by 8 sqrt(N) eps each, and logarithms and exponents of at most 1000 times that.
void check_measures(const LayerRow& row, const ExtremeNumbers& expected) {
  const auto near = [](double value, double other) {
    CAPTURE(value, other);
    CHECK(std::abs(value - other) <= 1e-10 * std::max(1.0, std::abs(other)));
  };
  near(row.log_norm, expected.log_norm);
  near(row.stable_rank, expected.stable_rank);
  near(row.nuclear_norm / row.sv_max, expected.nuclear_norm / row.sv_max);
  near(row.effective_rank, expected.effective_rank);
  near(row.participation_ratio, expected.participation_ratio);
  if (row.status != "success" || std::isnan(expected.alpha)) return;
  near(row.alpha, expected.alpha);
  near(row.D, expected.D);
}

}  // namespace

TEST_CASE("200 matrices that lie have the singular values of mpmath, by every method",
          "[extremes]") {
  Team team(world());
  Workspace workspace;
  fit::FitOptions fit_options;
  fit_options.bootstrap = 5;
  std::int64_t compared = 0;
  std::int64_t numbers = 0;
  std::int64_t number = 0;
  for (const ExtremeNumbers& expected : kExtremeNumbers) {
    // On teams every seventh, which has all kinds and all shapes.
    if (world().size() > 1 && number++ % 7 != 0) continue;
    Matrix matrix = matrix_of(expected.rows, expected.cols);
    matrix.tensor.dtype = Dtype::f16;  // the most bits of an integer product
    const auto of = [&](std::int64_t i, std::int64_t j) { return element(expected, i, j); };
    for (const Way& way : kWays) {
      const Spectrum spectrum = solved(matrix, of, way, team, workspace);
      CAPTURE(way.name, expected.kind, expected.rows, expected.cols, spectrum.reason);
      if (way.precision == Precision::float32 && spectrum.status == SpectrumStatus::not_computed) {
        CHECK(spectrum.reason.find("Leave out --precision single") != std::string::npos);
        continue;
      }
      REQUIRE_ALL(spectrum.status == SpectrumStatus::ok);
      ++compared;
      if (world().rank() != 0) continue;
      check_values(spectrum, expected, matrix.long_side());
      const LayerRow row = fit::layer_row(matrix, spectrum, fit_options);
      numbers += check_row(row);
      if (way.method == Method::svd) check_measures(row, expected);
    }
  }
  CHECK(compared > (world().size() > 1 ? 140 : 1000));
  if (world().rank() == 0) CHECK(numbers > 100 * compared);
}

TEST_CASE("elements whose squares do not fit are refused by every method, and never zeros",
          "[extremes]") {
  Team team(world());
  Workspace workspace;
  const Matrix matrix = matrix_of(24, 16);
  const std::string expected = "expected 3.44e-136 to 2.91e+135, so that sums of squares fit";
  for (const double scale : {1e-320, 1e-300, 1e-160, 1e-140, 1e140, 1e154, 1e300}) {
    for (const Way& way : kWays) {
      const auto of = [&](std::int64_t i, std::int64_t j) { return test::noise(i, j) * scale; };
      const Spectrum spectrum = solved(matrix, of, way, team, workspace);
      CAPTURE(scale, way.name, spectrum.reason);
      CHECK(spectrum.status == SpectrumStatus::not_computed);
      CHECK(spectrum.exit_code == 5);
      CHECK(spectrum.sigma.empty());
      if (way.precision == Precision::float64) {
        CHECK(spectrum.reason.find(expected) != std::string::npos);
      }
    }
  }
  // One huge element among usual ones, and one tiny element among zeros.
  for (const double one : {1e300, 1e-300}) {
    const auto of = [&](std::int64_t i, std::int64_t j) {
      return i == 3 && j == 5 ? one : (one > 1 ? test::noise(i, j) : 0);
    };
    for (const Way& way : kWays) {
      CHECK(solved(matrix, of, way, team, workspace).status == SpectrumStatus::not_computed);
    }
  }
  // A tiny element among usual ones is none to refuse.
  const auto of = [&](std::int64_t i, std::int64_t j) {
    return i == 3 && j == 5 ? 1e-320 : test::noise(i, j);
  };
  for (const Way& way : kWays) {
    CHECK(solved(matrix, of, way, team, workspace).status == SpectrumStatus::ok);
  }
}
