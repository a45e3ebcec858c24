/// @file
/// Measures of an adapter beside its base: planted answers, and the same results on every team.

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/spectrum/adapter.hpp"

#include "mpi/matrices.hpp"
#include "support/mpi_main.hpp"

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::ElementFunction;
using wishart::test::FunctionSource;
using wishart::test::matrix_of;
using wishart::test::noise;
using wishart::test::world;

namespace {

/// Rounding of sums of up to 300 products in float64.
constexpr double kRounding = 1e-12;

struct Planted {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t rank = 0;
  ElementFunction left{};
  ElementFunction right{};
  double factor = 1;
  ElementFunction base{};
  ElementFunction tuned{};  ///< of DoRA; else empty
};

AdapterComparison compared(const Planted& planted, const mpi::Comm& comm) {
  const Matrix left = matrix_of(planted.rows, planted.rank);
  const Matrix right = matrix_of(planted.rank, planted.cols);
  const Matrix base = matrix_of(planted.rows, planted.cols);
  FunctionSource left_source(planted.left);
  FunctionSource right_source(planted.right);
  FunctionSource base_source(planted.base);
  FunctionSource tuned_source(planted.tuned);
  AdaptedMatrix adapted{
      {&left, &left_source}, {&right, &right_source}, planted.factor, {&base, &base_source}, {}};
  if (planted.tuned) adapted.tuned = {&base, &tuned_source};
  Team team(comm);
  Workspace workspace;
  SolveOptions options;
  options.panel_bytes = 20000;  // several panels
  return compare_adapter(adapted, team, options, workspace);
}

/// diag(n, n - 1, ..., 1): unit vectors as singular vectors.
double diagonal(std::int64_t n, std::int64_t row, std::int64_t col) {
  return row == col ? static_cast<double>(n - row) : 0.0;
}

/// Row `row` of a thin factor that picks unit vectors `first`, `first + 1`, ...
double pick(std::int64_t row, std::int64_t k, std::int64_t first) {
  return row == first + k ? 1.0 : 0.0;
}

}  // namespace

TEST_CASE("a planted change of rank one along the base's leading vectors", "[adapter]") {
  const std::int64_t n = 40;
  double squares = 0;
  for (std::int64_t i = 1; i <= n; ++i) squares += static_cast<double>(i * i);
  Planted planted{n, n, 1};
  planted.left = [](std::int64_t row, std::int64_t k) { return pick(row, k, 0); };
  planted.right = [](std::int64_t k, std::int64_t col) { return pick(col, k, 0); };
  planted.factor = 3;
  planted.base = [=](std::int64_t row, std::int64_t col) { return diagonal(n, row, col); };
  const AdapterComparison c = compared(planted, world());
  REQUIRE(c.sigma.size() == 1);
  CHECK(c.sigma[0] == Approx(3).epsilon(kRounding));
  CHECK(c.frobenius == Approx(3).epsilon(kRounding));
  CHECK(c.spectral == Approx(3).epsilon(kRounding));
  CHECK(c.base_sum_squares == Approx(squares).epsilon(kRounding));
  CHECK(c.change_sum_squares == Approx(9).epsilon(kRounding));
  // |U^T W V| is the largest value, n; random directions would hold |W| / n of it.
  CHECK(c.alignment == Approx(static_cast<double>(n * n) / std::sqrt(squares)).epsilon(kRounding));
}

TEST_CASE("orthogonal directions hold nothing of the base", "[adapter]") {
  // Left vectors 0 and 1 meet right vectors 2 and 3: U^T W V is zero for a diagonal W.
  const std::int64_t n = 30;
  Planted planted{n, n, 2};
  planted.left = [](std::int64_t row, std::int64_t k) { return pick(row, k, 0); };
  planted.right = [](std::int64_t k, std::int64_t col) {
    return pick(col, k, 2) * (k == 0 ? 2 : 1);
  };
  planted.base = [=](std::int64_t row, std::int64_t col) { return diagonal(n, row, col); };
  const AdapterComparison c = compared(planted, world());
  REQUIRE(c.sigma.size() == 2);
  CHECK(c.sigma[0] == Approx(2).epsilon(kRounding));
  CHECK(c.sigma[1] == Approx(1).epsilon(kRounding));
  CHECK(c.alignment == Approx(0).margin(kRounding));
}

TEST_CASE("noise on noise is aligned as chance has it", "[adapter]") {
  Planted planted{300, 120, 16};
  planted.left = [](std::int64_t row, std::int64_t k) { return noise(row, k + 5000); };
  planted.right = [](std::int64_t k, std::int64_t col) { return noise(k + 9000, col); };
  planted.base = noise;
  const AdapterComparison c = compared(planted, world());
  CHECK(c.sigma.size() == 16);
  // 256 squares of independent parts: their mean has a standard error of sqrt(2 / 256) = 9 %, its
  // root half of that.
  CHECK(c.alignment == Approx(1).margin(4 * 0.045));
}

TEST_CASE("a factor of dependent columns has fewer directions than r", "[adapter]") {
  // Both columns of B are the same: one direction, and the alignment is of that one.
  const std::int64_t n = 20;
  Planted planted{n, n, 2};
  planted.left = [](std::int64_t row, std::int64_t) { return row == 0 ? 1.0 : 0.0; };
  planted.right = [](std::int64_t, std::int64_t col) { return col == 0 ? 0.5 : 0.0; };
  planted.base = [=](std::int64_t row, std::int64_t col) { return diagonal(n, row, col); };
  const AdapterComparison c = compared(planted, world());
  REQUIRE(c.sigma.size() == 2);
  CHECK(c.sigma[0] == Approx(1).epsilon(kRounding));
  CHECK(c.sigma[1] == Approx(0).margin(kRounding));
  CHECK(c.alignment ==
        Approx(static_cast<double>(n * n) / std::sqrt(c.base_sum_squares)).epsilon(kRounding));
}

TEST_CASE("an adapter that is zero, a base that is zero, a rank above the short side",
          "[adapter]") {
  const ElementFunction zero = [](std::int64_t, std::int64_t) { return 0.0; };
  Planted planted{12, 7, 3, zero, noise, 2, noise, {}};
  AdapterComparison c = compared(planted, world());
  CHECK(c.frobenius == 0);
  CHECK(c.sigma.size() == 3);
  CHECK(std::isnan(c.alignment));
  planted.left = noise;
  planted.base = zero;
  c = compared(planted, world());
  CHECK(c.frobenius > 0);
  CHECK(std::isnan(c.alignment));
  planted.base = noise;
  planted.rank = 9;
  c = compared(planted, world());
  CHECK(c.sigma.size() == 7);
  double squares = 0;  // of the product, element by element
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t j = 0; j < 7; ++j) {
      double cell = 0;
      for (std::int64_t k = 0; k < 9; ++k) cell += noise(i, k) * noise(k, j);
      squares += 4 * cell * cell;
    }
  }
  CHECK(c.frobenius == Approx(std::sqrt(squares)).epsilon(kRounding));
}

TEST_CASE("with DoRA the change is that of the merged weights", "[adapter]") {
  Planted planted{50, 30, 2, noise, noise, 0.1, noise, {}};
  planted.tuned = [](std::int64_t row, std::int64_t col) { return 1.5 * noise(row, col); };
  const AdapterComparison c = compared(planted, world());
  CHECK(c.change_sum_squares == Approx(0.25 * c.base_sum_squares).epsilon(kRounding));
}

TEST_CASE("a team measures the same as one rank", "[adapter]") {
  const mpi::Comm self = world().split(world().rank(), 0);
  for (const auto& [rows, cols] :
       {std::pair<std::int64_t, std::int64_t>{130, 40}, {40, 130}, {3, 5}, {1, 4}}) {
    Planted planted{rows, cols, 4};
    planted.left = [](std::int64_t row, std::int64_t k) { return noise(row + 77, k); };
    planted.right = [](std::int64_t k, std::int64_t col) { return noise(k, col + 99); };
    planted.base = noise;
    const AdapterComparison team = compared(planted, world());
    const AdapterComparison alone = compared(planted, self);
    CAPTURE(rows, cols);
    CHECK(team.sigma == alone.sigma);
    CHECK(team.base_sum_squares == Approx(alone.base_sum_squares).epsilon(kRounding));
    CHECK(team.alignment == Approx(alone.alignment).epsilon(1e-10));
  }
}
