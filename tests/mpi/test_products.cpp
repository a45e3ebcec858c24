/// @file
/// Gram matrices from integers, alone and on teams, against float64 products and known spectra.

#include <bit>

#include <catch2/catch.hpp>

#include "wishart/record/panel.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "matrices.hpp"

namespace {

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::FunctionSource;
using wishart::test::matrix_of;
using wishart::test::noise;

double as_bf16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<double>(std::bit_cast<float>((bits + 0x8000U) & 0xFFFF0000U));
}

Matrix bf16_matrix(std::int64_t rows, std::int64_t cols, std::int64_t views = 1) {
  Matrix matrix = matrix_of(rows, cols, views);
  matrix.tensor.dtype = Dtype::bf16;
  return matrix;
}

Spectrum solved(const Matrix& matrix, const test::ElementFunction& element,
                const SolveOptions& options) {
  FunctionSource source(element);
  const mpi::Comm world = mpi::Comm::world();
  Team team(world);
  Workspace workspace;
  return compute_spectrum(matrix, source, team, options, workspace);
}

SolveOptions with(Products products) {
  SolveOptions options;
  options.products = products;
  options.panel_bytes = 16384;  // several panels on each rank
  return options;
}

bool first_rank() { return mpi::Comm::world().rank() == 0; }

void check_equal(const Spectrum& a, const Spectrum& b) {
  REQUIRE(a.status == SpectrumStatus::ok);
  REQUIRE(b.status == SpectrumStatus::ok);
  CHECK(a.sum_squares == b.sum_squares);
  CHECK(a.hash == b.hash);
  REQUIRE(a.sigma.size() == b.sigma.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.sigma.size(); ++i) {
    largest = std::max(largest, std::abs(a.sigma[i] * a.sigma[i] - b.sigma[i] * b.sigma[i]));
  }
  if (!a.sigma.empty()) CHECK(largest <= 1e-14 * a.sigma.back() * a.sigma.back());
}

TEST_CASE("integer products give the spectrum of float64 products", "[products]") {
  struct Case {
    std::int64_t rows;
    std::int64_t cols;
    std::int64_t views;
  };
  for (const auto& [rows, cols, views] : {Case{900, 210, 1}, Case{210, 900, 1}, Case{70, 70, 1},
                                          Case{5, 3, 1}, Case{40, 90, 3}, Case{1, 17, 1}}) {
    CAPTURE(rows, cols, views);
    const Matrix matrix = bf16_matrix(rows, cols, views);
    const auto element = [](std::int64_t row, std::int64_t col) {
      return as_bf16(0.02 * (noise(row, col) + noise(col + 7, row)));
    };
    const Spectrum plain = solved(matrix, element, with(Products::float64));
    const Spectrum integer = solved(matrix, element, with(Products::integer));
    check_equal(plain, integer);
    CHECK(plain.products.products == Products::float64);
    CHECK(plain.products.panels == 0);
    CHECK(integer.products.products == Products::integer);
    CHECK(integer.products.bits == 21);
    CHECK(integer.products.bytes == 5);
    CHECK(integer.products.panels > 0);
    CHECK(integer.products.float64_panels == 0);
  }
}

TEST_CASE("Kronecker products of integers have the products of their singular values",
          "[products]") {
  // The singular values of a 2 x 2 matrix of this kind are 3 a and a; those of its p-th Kronecker
  // power are a^p 3^k, binomial (p, k) times.
  const auto element = [](std::int64_t row, std::int64_t col) {
    double value = 1;
    for (int bit = 0; bit < 7; ++bit) {
      value *= ((row >> bit) & 1) == ((col >> bit) & 1) ? 2.0 : 1.0;
    }
    return value;
  };
  const Spectrum spectrum = solved(bf16_matrix(128, 128), element, with(Products::integer));
  REQUIRE(spectrum.status == SpectrumStatus::ok);
  CHECK(spectrum.products.products == Products::integer);
  CHECK(spectrum.products.apart == 0);
  if (!first_rank()) return;
  const std::vector<int> counts{1, 7, 21, 35, 35, 21, 7, 1};
  std::size_t at = 0;
  double value = 1;
  for (const int count : counts) {
    for (int k = 0; k < count; ++k, ++at) {
      // An error of eps lambda_max in an eigenvalue.
      CHECK(std::abs(spectrum.sigma[at] - value) <= 1e-14 * 2187.0 * 2187.0 / value);
    }
    value *= 3;
  }
}

TEST_CASE("panels with wild exponents are multiplied in float64", "[products]") {
  // One row in two is 2^40 times smaller: half of the elements of a column are no integers.
  const auto element = [](std::int64_t row, std::int64_t col) {
    return as_bf16(noise(row, col)) * (row % 2 == 0 ? 0x1p-40 : 1.0);
  };
  const Matrix matrix = bf16_matrix(400, 60);
  const Spectrum plain = solved(matrix, element, with(Products::float64));
  const Spectrum integer = solved(matrix, element, with(Products::integer));
  check_equal(plain, integer);
  CHECK(integer.products.products == Products::float64);
  CHECK(integer.products.bits == 0);
  CHECK(integer.products.bytes == 0);
  CHECK(integer.products.panels == 0);
  CHECK(integer.products.float64_panels > 0);
  // If only the first panels are wild, those of the first rank, the others are of integers.
  const auto partly = [&](std::int64_t row, std::int64_t col) {
    return row < 512 ? element(row, col) : as_bf16(noise(row, col));
  };
  const Matrix tall = bf16_matrix(1400, 60);
  const Spectrum both = solved(tall, partly, with(Products::integer));
  check_equal(solved(tall, partly, with(Products::float64)), both);
  CHECK(both.products.products == Products::integer);
  CHECK(both.products.bits == 21);
  CHECK(both.products.bytes == 5);
  CHECK(both.products.panels > 0);
  CHECK(both.products.float64_panels > 0);
  // In a wide view the lines are rows, each with a scale of its own.
  const auto transposed = [&](std::int64_t row, std::int64_t col) { return element(row, col); };
  const Spectrum wide = solved(bf16_matrix(60, 400), transposed, with(Products::integer));
  REQUIRE(wide.status == SpectrumStatus::ok);
  CHECK(wide.products.float64_panels == 0);
  // And if they are wild too, in more than one part of a panel.
  const auto along = [&](std::int64_t row, std::int64_t col) { return element(col, row); };
  const Spectrum long_rows = solved(bf16_matrix(60, 900), along, with(Products::integer));
  check_equal(solved(bf16_matrix(60, 900), along, with(Products::float64)), long_rows);
  CHECK(long_rows.products.panels == 0);
  CHECK(long_rows.products.float64_panels > 0);
}

TEST_CASE("types that need more than a float are multiplied in float64", "[products]") {
  Matrix matrix = matrix_of(90, 40);
  matrix.tensor.dtype = Dtype::f32;
  const Spectrum spectrum = solved(matrix, noise, with(Products::integer));
  REQUIRE(spectrum.status == SpectrumStatus::ok);
  CHECK(spectrum.products.products == Products::float64);
}

TEST_CASE("elements that no float holds are multiplied in float64", "[products]") {
  // As scales that are powers of two may make them: 448 * 2^127.
  const auto element = [](std::int64_t row, std::int64_t col) {
    return as_bf16(noise(row, col)) * (row == 70 && col == 3 ? 0x1p134 : 1.0);
  };
  const Matrix matrix = bf16_matrix(900, 40);
  const Spectrum plain = solved(matrix, element, with(Products::float64));
  const Spectrum integer = solved(matrix, element, with(Products::integer));
  check_equal(plain, integer);
  CHECK(integer.products.products == Products::float64);
  CHECK(integer.products.panels + integer.products.float64_panels == 0);
  // Elements with more bits than a float too.
  const Spectrum long_ones = solved(matrix, noise, with(Products::integer));
  check_equal(solved(matrix, noise, with(Products::float64)), long_ones);
  CHECK(long_ones.products.products == Products::float64);
}

TEST_CASE("multiples of a common unit are multiplied as the short floats that they hold",
          "[products]") {
  // As the scale of a whole weight makes them (NVFP4). Its 24 bits and the element's 8 fill no
  // float.
  const double unit = static_cast<double>(0.00123F);
  class Multiples : public FunctionSource {
  public:
    Multiples(double unit, double told)
        : FunctionSource([unit](std::int64_t row, std::int64_t col) {
            return unit * as_bf16(noise(row, col));
          }),
          told_(told) {}
    double unit() override { return told_; }

  private:
    double told_;
  };
  const mpi::Comm world = mpi::Comm::world();
  Team team(world);
  Workspace workspace;
  for (const auto& [rows, cols] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{900, 40}, {40, 900}}) {
    const Matrix matrix = bf16_matrix(rows, cols);
    Multiples source(unit, unit);
    const auto plain = compute_spectrum(matrix, source, team, with(Products::float64), workspace);
    const auto integer = compute_spectrum(matrix, source, team, with(Products::integer), workspace);
    check_equal(plain, integer);
    CHECK(integer.products.products == Products::integer);
    CHECK(integer.products.float64_panels == 0);
    // A unit that is not theirs, and none that one can divide by.
    for (const double wrong : {3.0, 0.0, std::numeric_limits<double>::quiet_NaN()}) {
      Multiples other(unit, wrong);
      const auto spectrum =
          compute_spectrum(matrix, other, team, with(Products::integer), workspace);
      check_equal(plain, spectrum);
      CHECK(spectrum.products.products == Products::float64);
    }
  }
}

TEST_CASE("non-finite elements are found before integer products", "[products]") {
  const auto element = [](std::int64_t row, std::int64_t col) {
    if (row == 3 && col == 4) return std::numeric_limits<double>::quiet_NaN();
    if (row == 88 && col == 1) return -std::numeric_limits<double>::infinity();
    return as_bf16(noise(row, col));
  };
  const Spectrum spectrum = solved(bf16_matrix(90, 40), element, with(Products::integer));
  CHECK(spectrum.status == SpectrumStatus::nonfinite);
  CHECK(spectrum.num_nan == 1);
  CHECK(spectrum.num_inf == 1);
}

TEST_CASE("integer products take no more memory than was planned", "[products]") {
  if (mpi::Comm::world().size() > 1) return;
  const std::int64_t rows = 3000;
  const std::int64_t cols = 300;
  const Matrix matrix = bf16_matrix(rows, cols);
  FunctionSource source(
      [](std::int64_t row, std::int64_t col) { return as_bf16(noise(row, col)); });
  const mpi::Comm world = mpi::Comm::world();
  Team team(world);
  Workspace workspace;
  SolveOptions options;
  options.products = Products::integer;
  REQUIRE(compute_spectrum(matrix, source, team, options, workspace).status == SpectrumStatus::ok);
  const IntegerForm form = integer_form(matrix).value();
  const std::int64_t depth = integer_panel_depth(matrix, options.panel_bytes, form);
  const std::int64_t panels = 2 * 4 * depth * cols + 8 * 65536 + integer_bytes(cols, depth, form);
  const std::int64_t solver = 8 * cols * (cols + 200);
  const std::int64_t least = std::int64_t{4} << 20U;  // a chunk
  CHECK(workspace.capacity_bytes() <= panels + solver + 2 * least);
}

}  // namespace
