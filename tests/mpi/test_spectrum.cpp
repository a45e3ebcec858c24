/// @file
/// Singular values on one rank and on teams: known answers, properties, LAPACK as the oracle.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/spectrum/block_cyclic.hpp"
#include "wishart/spectrum/spectrum.hpp"
#include "wishart/spectrum/tally.hpp"

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

constexpr double kEps = std::numeric_limits<double>::epsilon();

Spectrum spectrum_on_all(const Matrix& matrix, const ElementFunction& element, Method method,
                         SolveOptions options = {}) {
  FunctionSource source(element);
  Team team(world());
  options.method = method;
  Workspace workspace;
  return compute_spectrum(matrix, source, team, options, workspace);
}

Spectrum spectrum_alone(const Matrix& matrix, const ElementFunction& element, Method method) {
  FunctionSource source(element);
  const mpi::Comm self = world().split(world().rank(), 0);
  Team team(self);
  SolveOptions options;
  options.method = method;
  Workspace workspace;
  return compute_spectrum(matrix, source, team, options, workspace);
}

/// The largest |a - b| of two sorted lists, relative to the largest value.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size() || a.empty()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst / b.back();
}

struct Shape {
  std::int64_t rows, cols;
};
const std::vector<Shape> kShapes{{64, 64},  {97, 33},  {33, 97}, {130, 1},  {1, 130},
                                 {200, 10}, {10, 200}, {70, 69}, {128, 64}, {3, 2}};

}  // namespace

TEST_CASE("the block-cyclic map assigns every index once", "[layout]") {
  for (const std::int64_t extent : {0, 1, 5, 64, 97, 130}) {
    for (const std::int64_t block : {1, 3, 64}) {
      for (int parts = 1; parts <= 6; ++parts) {
        const BlockCyclic map{extent, block, parts};
        std::vector<int> seen(static_cast<std::size_t>(extent), 0);
        for (int part = 0; part < parts; ++part) {
          for (std::int64_t local = 0; local < map.local_extent(part); ++local) {
            const std::int64_t global = map.global_index(part, local);
            CHECK(map.owner(global) == part);
            ++seen[static_cast<std::size_t>(global)];
          }
        }
        CHECK(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
      }
    }
  }
}

TEST_CASE("a diagonal matrix has its diagonal as singular values", "[spectrum]") {
  const Method method = GENERATE(Method::gram, Method::svd, Method::qr);
  const auto element = [](std::int64_t row, std::int64_t col) {
    return row == col ? static_cast<double>(row + 1) : 0.0;
  };
  const Spectrum spectrum = spectrum_on_all(matrix_of(80, 50), element, method);
  REQUIRE(spectrum.status == SpectrumStatus::ok);
  CHECK(spectrum.team_size == world().size());
  if (world().rank() != 0) return;
  REQUIRE(spectrum.sigma.size() == 50);
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK(std::abs(spectrum.sigma[i] - static_cast<double>(i + 1)) < 50 * 50 * kEps * 10);
  }
  CHECK(spectrum.sum_squares == 50.0 * 51 * 101 / 6);
}

TEST_CASE("a team finds LAPACK's singular values for every shape and method", "[spectrum]") {
  const Method method = GENERATE(Method::gram, Method::svd, Method::qr);
  int compared = 0;
  for (const Shape shape : kShapes) {
    const Matrix matrix = matrix_of(shape.rows, shape.cols);
    const Spectrum reference = spectrum_alone(matrix, noise, Method::svd);
    const Spectrum spectrum = spectrum_on_all(matrix, noise, method);
    CAPTURE(shape.rows, shape.cols);
    CHECK(spectrum.reason == "");
    REQUIRE_ALL(spectrum.status == SpectrumStatus::ok);
    CHECK(spectrum.hash == reference.hash);
    if (world().rank() != 0) continue;
    // The smallest value of these matrices is above 1e-4 sigma_max, where the error of the Gram
    // route is at most eps sigma_max^2 / (2 sigma) = 1e4 eps sigma_max; the constant covers growth
    // with size.
    const double bound = (method == Method::gram ? 1e4 : 100) * kEps;
    CHECK(distance(spectrum.sigma, reference.sigma) <= bound);
    CHECK(spectrum.sum_squares_error <=
          sum_squares_bound(Precision::float64, shape.rows, shape.cols));
    ++compared;
  }
  if (world().rank() == 0) CHECK(compared == static_cast<int>(kShapes.size()));
}

TEST_CASE("the panel and the block do not change the values", "[spectrum]") {
  const Matrix tall = matrix_of(150, 40);
  const Matrix wide = matrix_of(40, 150);
  for (const Matrix& matrix : {tall, wide}) {
    const Spectrum reference = spectrum_on_all(matrix, noise, Method::gram);
    for (const std::int64_t panel_bytes : {1, 5000, 1 << 20}) {
      for (const std::int64_t block : {1, 7, 64}) {
        SolveOptions options;
        options.panel_bytes = panel_bytes;
        options.block = block;
        const Spectrum spectrum = spectrum_on_all(matrix, noise, Method::gram, options);
        REQUIRE_ALL(spectrum.status == SpectrumStatus::ok);
        CHECK(spectrum.hash == reference.hash);
        if (world().rank() == 0) {
          CHECK(distance(spectrum.sigma, reference.sigma) <= 1e4 * kEps);
        }
      }
    }
  }
}

TEST_CASE("scaling by a power of two scales every value exactly on one rank", "[spectrum]") {
  const Matrix matrix = matrix_of(60, 30);
  const Spectrum one = spectrum_alone(matrix, noise, Method::gram);
  const Spectrum scaled = spectrum_alone(
      matrix, [](std::int64_t r, std::int64_t c) { return noise(r, c) * 0x1p20; }, Method::gram);
  for (std::size_t i = 0; i < one.sigma.size(); ++i) {
    CHECK(scaled.sigma[i] == one.sigma[i] * 0x1p20);
  }
}

TEST_CASE("the transpose has the same singular values", "[spectrum]") {
  const Spectrum a = spectrum_on_all(matrix_of(90, 37), noise, Method::gram);
  const Spectrum b = spectrum_on_all(
      matrix_of(37, 90), [](std::int64_t r, std::int64_t c) { return noise(c, r); }, Method::gram);
  if (world().rank() == 0) CHECK(distance(a.sigma, b.sigma) <= 1e4 * kEps);
}

TEST_CASE("a pooled matrix has the values of all its views", "[spectrum]") {
  const Spectrum pooled = spectrum_on_all(matrix_of(20, 12, 3), noise, Method::gram);
  const Spectrum single = spectrum_on_all(matrix_of(20, 12, 1), noise, Method::gram);
  REQUIRE_ALL(pooled.status == SpectrumStatus::ok);
  REQUIRE(pooled.view_sigma_max.size() == 3);
  if (world().rank() != 0) return;
  std::vector<double> expected;
  for (const double factor : {1.0, 2.0, 3.0}) {
    for (const double value : single.sigma) expected.push_back(value * factor);
  }
  std::sort(expected.begin(), expected.end());
  CHECK(distance(pooled.sigma, expected) <= 1e4 * kEps);
  for (std::size_t view = 0; view < 3; ++view) {
    CHECK(pooled.view_sigma_max[view] ==
          Approx(single.sigma.back() * static_cast<double>(view + 1)).epsilon(1e-13));
  }
}

TEST_CASE("NaN and infinities are counted and give no values", "[spectrum]") {
  const Method method = GENERATE(Method::gram, Method::svd, Method::qr);
  const auto element = [](std::int64_t row, std::int64_t col) {
    if (row == 17 && col == 3) return std::numeric_limits<double>::quiet_NaN();
    if (row == 40 && col < 2) return -std::numeric_limits<double>::infinity();
    return noise(row, col);
  };
  const Spectrum spectrum = spectrum_on_all(matrix_of(100, 64), element, method);
  CHECK(spectrum.status == SpectrumStatus::nonfinite);
  CHECK(spectrum.reason == "1 NaN and 2 infinite elements of 6400");
  CHECK(spectrum.exit_code == 5);
  CHECK(spectrum.num_nan == 1);
  CHECK(spectrum.num_inf == 2);
  CHECK(spectrum.sigma.empty());
}

TEST_CASE("a matrix of zeros has zero singular values", "[spectrum]") {
  const Method method = GENERATE(Method::gram, Method::svd, Method::qr);
  const Spectrum spectrum = spectrum_on_all(
      matrix_of(50, 20), [](std::int64_t, std::int64_t) { return 0.0; }, method);
  REQUIRE(spectrum.status == SpectrumStatus::ok);
  CHECK(spectrum.sum_squares == 0);
  CHECK(spectrum.sum_squares_error == 0);
  if (world().rank() == 0) CHECK(spectrum.sigma == std::vector<double>(20, 0.0));
}

TEST_CASE("values of a rank-deficient matrix below the floor are counted", "[spectrum]") {
  const Method method = GENERATE(Method::gram, Method::svd, Method::qr);
  // The sum of five outer products: rank 5 of 40.
  const auto element = [](std::int64_t row, std::int64_t col) {
    double sum = 0;
    for (std::int64_t k = 0; k < 5; ++k) sum += noise(row, 1000 + k) * noise(2000 + k, col);
    return sum;
  };
  const Spectrum spectrum = spectrum_on_all(matrix_of(80, 40), element, method);
  REQUIRE(spectrum.status == SpectrumStatus::ok);
  CHECK(spectrum.num_below_floor == 35);
  CHECK(spectrum.floor_sigma > 0);
}

TEST_CASE("a rank that cannot read fails the matrix on all ranks, and the team continues",
          "[spectrum]") {
  const int bad = world().size() - 1;
  const Method method = GENERATE(Method::gram, Method::svd, Method::qr);
  const auto element = [&](std::int64_t row, std::int64_t col) -> double {
    if (world().rank() == bad) throw Error(Blame::input, "model.safetensors: ends at byte 12");
    return noise(row, col);
  };
  const Matrix matrix = matrix_of(130, 70);
  const Spectrum spectrum = spectrum_on_all(matrix, element, method);
  CHECK(spectrum.status == SpectrumStatus::not_computed);
  CHECK(spectrum.reason == "model.safetensors: ends at byte 12");
  CHECK(spectrum.exit_code == 3);
  CHECK(spectrum_on_all(matrix, noise, method).status == SpectrumStatus::ok);
}

TEST_CASE("two teams of the same ranks can live at the same time", "[spectrum]") {
  FunctionSource source(noise);
  Team first(world());
  Team second(world());
  const Matrix matrix = matrix_of(64, 48);
  Workspace workspace;
  const Spectrum a = compute_spectrum(matrix, source, first, {}, workspace);
  const Spectrum b = compute_spectrum(matrix, source, second, {}, workspace);
  CHECK(a.sigma == b.sigma);  // the same plan gives the same bits
}

TEST_CASE("the tally does not depend on how a matrix is divided", "[tally]") {
  std::vector<double> values(3000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = noise(3, static_cast<std::int64_t>(i));
  Tally whole;
  std::vector<double> copy = values;
  whole.add(0, copy);
  Tally parts;
  for (const std::size_t begin : {std::size_t{2000}, std::size_t{0}, std::size_t{1000}}) {
    copy = values;
    parts.add(static_cast<std::int64_t>(begin), std::span(copy).subspan(begin, 1000));
  }
  CHECK(parts.hash() == whole.hash());
  CHECK(parts.num_elements() == 3000);
  CHECK(parts.sum_squares() == Approx(whole.sum_squares()).epsilon(4 * kEps));
}
