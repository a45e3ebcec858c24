/// @file
/// Comparison of a matrix with its base: planted answers, and the same results on every team.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <catch2/catch.hpp>

#include "wishart/spectrum/comparison.hpp"

#include "mpi/matrices.hpp"
#include "support/mpi_main.hpp"

extern "C" void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda,
                        double* s, double* u, const int* ldu, double* vt, const int* ldvt,
                        double* work, const int* lwork, int* iwork, int* info, std::size_t);

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::ElementFunction;
using wishart::test::FunctionSource;
using wishart::test::matrix_of;
using wishart::test::noise;
using wishart::test::world;

namespace {

Comparison compared(const Matrix& matrix, const Matrix& base_matrix, const ElementFunction& own,
                    const ElementFunction& base, const mpi::Comm& comm) {
  FunctionSource source(own);
  FunctionSource base_source(base);
  Team team(comm);
  Workspace workspace;
  SolveOptions options;
  options.panel_bytes = 20000;  // several panels
  return compare(matrix, source, base_matrix, base_source, team, options, workspace);
}

Comparison compared(const Matrix& matrix, const ElementFunction& own, const ElementFunction& base,
                    const mpi::Comm& comm) {
  return compared(matrix, matrix, own, base, comm);
}

/// Linear CKA by its definition, from all elements.
double cka_of(const Matrix& matrix, const ElementFunction& x, const ElementFunction& y,
              bool centred) {
  const std::int64_t n = matrix.rows;
  const std::int64_t d = matrix.cols;
  const auto values = [&](const ElementFunction& f) {
    std::vector<double> v(static_cast<std::size_t>(n * d));
    for (std::int64_t j = 0; j < d; ++j) {
      double mean = 0;
      for (std::int64_t i = 0; i < n; ++i) mean += f(i, j) / static_cast<double>(n);
      for (std::int64_t i = 0; i < n; ++i) {
        v[static_cast<std::size_t>(i * d + j)] = f(i, j) - (centred ? mean : 0);
      }
    }
    return v;
  };
  const auto product = [&](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::int64_t j = 0; j < d; ++j) {
      for (std::int64_t k = 0; k < d; ++k) {
        double cell = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          cell += a[static_cast<std::size_t>(i * d + j)] * b[static_cast<std::size_t>(i * d + k)];
        }
        sum += cell * cell;
      }
    }
    return sum;
  };
  const auto a = values(x);
  const auto b = values(y);
  return product(a, b) / std::sqrt(product(a, a) * product(b, b));
}

/// A diagonal of count, count - 1, ..., with unit vectors as singular vectors, with those of the
/// `shift` leading ones moved to the end, so that other vectors lead.
ElementFunction diagonal(std::int64_t count, std::int64_t shift) {
  return [=](std::int64_t row, std::int64_t col) {
    if (row != col) return 0.0;
    return static_cast<double>(count - (col + count - shift) % count);
  };
}

/// All left singular vectors, column-major, by LAPACK's SVD of the whole matrix.
std::vector<double> all_left_vectors(const Matrix& matrix, const ElementFunction& element) {
  const auto rows = static_cast<int>(matrix.rows);
  const auto cols = static_cast<int>(matrix.cols);
  const int small = std::min(rows, cols);
  std::vector<double> a;
  for (int j = 0; j < cols; ++j) {
    for (int i = 0; i < rows; ++i) a.push_back(element(i, j));
  }
  std::vector<double> sigma(static_cast<std::size_t>(small));
  std::vector<double> u(static_cast<std::size_t>(rows) * sigma.size());
  std::vector<double> vt(static_cast<std::size_t>(cols) * sigma.size());
  std::vector<double> work(static_cast<std::size_t>(8 * small * small + 8 * (rows + cols)));
  std::vector<int> iwork(8 * sigma.size());
  const auto lwork = static_cast<int>(work.size());
  int info = 0;
  dgesdd_("S", &rows, &cols, a.data(), &rows, sigma.data(), u.data(), &rows, vt.data(), &small,
          work.data(), &lwork, iwork.data(), &info, 1);
  CHECK(info == 0);
  return u;
}

/// Intruder dimensions by their definition, from all left vectors of matrix and base.
std::int64_t intruders_of(const Matrix& matrix, const std::vector<double>& own,
                          const std::vector<double>& base) {
  const auto rows = static_cast<std::size_t>(matrix.rows);
  std::int64_t count = 0;
  for (std::size_t k = 0; k < static_cast<std::size_t>(kTopVectors); ++k) {
    double most = 0;
    for (std::size_t j = 0; j < base.size() / rows; ++j) {
      double cosine = 0;
      for (std::size_t i = 0; i < rows; ++i) cosine += own[i + k * rows] * base[i + j * rows];
      most = std::max(most, std::abs(cosine));
    }
    count += most < 0.5 ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("only directions that both matrices have are compared", "[comparison]") {
  // Of rank 3 and 2: a diagonal, whose singular vectors are unit vectors.
  const auto of_rank = [](std::int64_t rank) -> ElementFunction {
    return [=](std::int64_t row, std::int64_t col) {
      return row == col && row < rank ? static_cast<double>(rank - row) : 0.0;
    };
  };
  for (const Matrix& matrix : {matrix_of(60, 24), matrix_of(24, 60)}) {
    const Comparison few = compared(matrix, of_rank(3), of_rank(2), world());
    CHECK(few.num_vectors == 2);
    CHECK(few.overlap == Approx(1).margin(1e-9));
    CHECK(few.largest_angle == Approx(0).margin(1e-6));
    CHECK(few.participation == Approx(1.0 / 24).margin(1e-9));
    CHECK(few.base_participation == Approx(1.0 / 24).margin(1e-9));
    CHECK(few.base_entropy == Approx(0).margin(1e-9));
    const Comparison none = compared(matrix, of_rank(3), of_rank(0), world());
    CHECK(none.num_vectors == 0);
    CHECK(std::isnan(none.overlap));
    CHECK(std::isnan(none.largest_angle));
    CHECK(std::isnan(none.participation));
    CHECK(std::isnan(none.base_entropy));
  }
}

TEST_CASE("intruder dimensions agree with all singular vectors", "[comparison][intruders]") {
  // Columns that shrink: a few directions lead, as in trained layers.
  const ElementFunction base = [](std::int64_t i, std::int64_t j) {
    return noise(i, j) / (1 + static_cast<double>(j) / 20);
  };
  // An adapter of rank 3, whose directions the base does not have.
  const auto adapted = [&](double strength) -> ElementFunction {
    return [&base, strength](std::int64_t i, std::int64_t j) {
      double sum = base(i, j);
      for (std::int64_t r = 0; r < 3; ++r)
        sum += strength * noise(i, 5000 + r) * noise(7000 + r, j);
      return sum;
    };
  };
  // Vectors that turn, but come from the base.
  const auto stirred = [&](double strength) -> ElementFunction {
    return [&base, strength](std::int64_t i, std::int64_t j) {
      return base(i, j) + strength * noise(i + 900, j);
    };
  };
  // One rank knows the answer, because the ranks share two processors.
  const bool knows = world().rank() == 0;
  std::int64_t cases = 0;
  std::int64_t found = 0;
  for (const auto& [rows, cols] :
       {std::pair<std::int64_t, std::int64_t>{120, 90}, {90, 120}, {360, 280}, {280, 360}}) {
    const Matrix matrix = matrix_of(rows, cols);
    const std::vector<double> old = knows ? all_left_vectors(matrix, base) : std::vector<double>();
    for (const ElementFunction& own : {adapted(0.02), adapted(1), stirred(1)}) {
      const Comparison c = compared(matrix, own, base, world());
      CAPTURE(rows, cols, cases);
      if (knows) {
        const std::int64_t expected = intruders_of(matrix, all_left_vectors(matrix, own), old);
        CHECK(c.num_intruders == expected);
        found += expected;
      }
      ++cases;
    }
  }
  CHECK(cases == 12);
  CHECK((found > 20) == knows);
}

TEST_CASE("a vector of the base that moves to the front is no intruder",
          "[comparison][intruders]") {
  // The ten leading vectors of one are spread over the other, and 40 are not even in the order of
  // the base. With 300, more vectors than steps.
  for (const std::int64_t m : {40, 300}) {
    const Comparison c = compared(matrix_of(m, m), diagonal(m, 25), diagonal(m, 0), world());
    CAPTURE(m);
    CHECK(c.num_intruders == 0);
    // A base of rank 5: its other vectors are not resolved, so they are not asked.
    const ElementFunction low = [](std::int64_t i, std::int64_t j) {
      double sum = 0;
      for (std::int64_t r = 0; r < 5; ++r) sum += noise(i, 5000 + r) * noise(7000 + r, j);
      return sum;
    };
    CHECK(compared(matrix_of(m, m), diagonal(m, 0), low, world()).num_intruders == 10);
  }
}

TEST_CASE("intruders are not counted where they mean nothing", "[comparison][intruders]") {
  const ElementFunction zero = [](std::int64_t, std::int64_t) { return 0.0; };
  CHECK(compared(matrix_of(30, 20), noise, zero, world()).num_intruders == -1);
  CHECK(compared(matrix_of(30, 20), zero, noise, world()).num_intruders == -1);
  CHECK(compared(matrix_of(30, 20, 3), noise, noise, world()).num_intruders == -1);
  CHECK(compared(matrix_of(1, 4), noise, noise, world()).num_intruders == 0);
}

TEST_CASE("a matrix and its multiple are alike in every measure", "[comparison]") {
  for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{300, 170}, {170, 300}}) {
    const ElementFunction half = [](std::int64_t i, std::int64_t j) { return 0.5 * noise(i, j); };
    const Comparison c = compared(matrix_of(rows, cols), noise, half, world());
    CAPTURE(rows, cols);
    CHECK(c.cka == Approx(1).margin(1e-12));
    CHECK(c.uncentred_root == Approx(1).margin(1e-12));
    CHECK(c.num_vectors == kTopVectors);
    CHECK(c.overlap == Approx(1).margin(1e-12));
    CHECK(c.largest_angle < 1e-6);  // acos near 1: the root of the rounding error
    CHECK(c.sum_squares == Approx(4 * c.base_sum_squares).epsilon(1e-14));
    CHECK(c.sigma_max == Approx(2 * c.base_sigma_max).epsilon(1e-12));
    CHECK(c.residual <= 1e-10);
    // Noise: no component stands out. The expectation is 1/3, with a standard error of order
    // 1/sqrt(M k).
    CHECK(c.participation == Approx(1.0 / 3).margin(0.05));
    CHECK(c.entropy == Approx(1 - 0.7296 / std::log(170.0)).margin(0.02));
  }
}

TEST_CASE("alignment agrees with the definition, tall and wide", "[comparison]") {
  // Means other than zero, so that centring matters.
  const ElementFunction x = [](std::int64_t i, std::int64_t j) {
    return noise(i, j) + 0.3 * static_cast<double>(j % 3);
  };
  const ElementFunction y = [&](std::int64_t i, std::int64_t j) {
    return 0.6 * x(i, j) + 0.4 * noise(i + 1000, j) - 0.2;
  };
  for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{60, 25}, {25, 60}}) {
    const Matrix matrix = matrix_of(rows, cols);
    const Comparison c = compared(matrix, x, y, world());
    CAPTURE(rows, cols);
    CHECK(c.cka == Approx(cka_of(matrix, x, y, true)).epsilon(1e-11));
    CHECK(c.uncentred_root == Approx(std::sqrt(cka_of(matrix, x, y, false))).epsilon(1e-11));
  }
}

TEST_CASE("a matrix is compared with a base of other elements", "[comparison]") {
  // So wide that one rank reads several panels of it, and more of the larger elements.
  for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{12, 20000}, {20000, 12}}) {
    Matrix narrow = matrix_of(rows, cols);
    narrow.tensor.dtype = Dtype::bf16;
    Matrix broad = matrix_of(rows, cols);
    broad.tensor.dtype = Dtype::f32;
    const ElementFunction half = [](std::int64_t i, std::int64_t j) { return 0.5 * noise(i, j); };
    for (const auto& [own, base] : {std::pair(narrow, broad), std::pair(broad, narrow)}) {
      const Comparison c = compared(own, base, noise, half, world());
      CAPTURE(rows, cols, dtype_name(own.tensor.dtype));
      CHECK(c.cka == Approx(1).margin(1e-12));
      CHECK(c.overlap == Approx(1).margin(1e-12));
      CHECK(c.sum_squares == Approx(4 * c.base_sum_squares).epsilon(1e-14));
      CHECK(c.sigma_max == Approx(2 * c.base_sigma_max).epsilon(1e-12));
    }
  }
}

TEST_CASE("planted subspaces: overlap and angles", "[comparison]") {
  // 200: by Krylov blocks; 40: the whole space at once.
  for (const std::int64_t m : {200, 40}) {
    const Matrix matrix = matrix_of(m, m);
    // Three of the ten leading vectors are exchanged with others.
    const Comparison c = compared(matrix, diagonal(m, 0), diagonal(m, 3), world());
    CAPTURE(m);
    CHECK(c.overlap == Approx(0.7).margin(1e-8));
    CHECK(c.largest_angle == Approx(std::numbers::pi / 2).margin(1e-6));
    CHECK(c.sigma_max == Approx(static_cast<double>(m)).epsilon(1e-12));
    // Unit vectors: one component each. A residual of 1e-10 leaves the others far below.
    CHECK(c.participation == Approx(1.0 / static_cast<double>(m)).epsilon(1e-6));
    CHECK(c.entropy == Approx(0).margin(1e-6));
    CHECK(c.base_participation == Approx(1.0 / static_cast<double>(m)).epsilon(1e-6));
  }
  // The first vector turned by 0.3 out of the plane of the ten.
  const std::int64_t m = 200;
  const double angle = 0.3;
  const ElementFunction turned = [=](std::int64_t row, std::int64_t col) {
    // diag(...) R, R a rotation in the plane of columns 0 and 150; sigma of 150 is 50.
    const ElementFunction plain = diagonal(m, 0);
    if (col == 0) return plain(row, 0) * std::cos(angle) - plain(row, 150) * std::sin(angle);
    if (col == 150) return plain(row, 0) * std::sin(angle) + plain(row, 150) * std::cos(angle);
    return plain(row, col);
  };
  const Comparison c = compared(matrix_of(m, m), diagonal(m, 0), turned, world());
  CHECK(c.largest_angle == Approx(angle).margin(1e-7));
  CHECK(c.overlap == Approx((9 + std::cos(angle) * std::cos(angle)) / 10).margin(1e-8));
}

TEST_CASE("views are compared one by one, and averaged", "[comparison]") {
  // FunctionSource multiplies view v by v + 1: norms add up, the rest is that of each view.
  const ElementFunction other = [](std::int64_t i, std::int64_t j) { return noise(j + 7, i); };
  const Comparison one = compared(matrix_of(50, 30), noise, other, world());
  const Comparison three = compared(matrix_of(50, 30, 3), noise, other, world());
  CHECK(three.sum_squares == Approx((1 + 4 + 9) * one.sum_squares).epsilon(1e-13));
  CHECK(three.sigma_max == Approx(3 * one.sigma_max).epsilon(1e-13));
  CHECK(three.cka == Approx(one.cka).epsilon(1e-12));
  CHECK(three.overlap == Approx(one.overlap).epsilon(1e-10));
  CHECK(three.entropy == Approx(one.entropy).epsilon(1e-10));
}

TEST_CASE("a team finds the same as one rank", "[comparison]") {
  const mpi::Comm self = world().split(world().rank(), 0);
  const ElementFunction other = [](std::int64_t i, std::int64_t j) {
    return noise(i, j) + 0.5 * noise(i + 500, j);
  };
  for (const auto& [rows, cols] :
       {std::pair<std::int64_t, std::int64_t>{400, 210}, {210, 400}, {3, 5}, {1, 4}, {4, 1}}) {
    const Matrix matrix = matrix_of(rows, cols);
    const Comparison team = compared(matrix, noise, other, world());
    const Comparison alone = compared(matrix, noise, other, self);
    CAPTURE(rows, cols);
    // A matrix of one row has no variation.
    CHECK(std::isnan(team.cka) == (rows == 1));
    if (rows > 1) CHECK(team.cka == Approx(alone.cka).epsilon(1e-11));
    CHECK(team.uncentred_root == Approx(alone.uncentred_root).epsilon(1e-11));
    CHECK(team.num_vectors == std::min<std::int64_t>(kTopVectors, matrix.short_side()));
    CHECK(team.sigma_max == Approx(alone.sigma_max).epsilon(1e-11));
    // Noise has gaps of a hundredth: residuals of 1e-10 leave 1e-8 in the vectors.
    CHECK(team.overlap == Approx(alone.overlap).margin(1e-6));
    CHECK(team.participation == Approx(alone.participation).epsilon(1e-5));
  }
}

TEST_CASE("a zero matrix has no direction, and is not a failure", "[comparison]") {
  const ElementFunction zero = [](std::int64_t, std::int64_t) { return 0.0; };
  const Comparison c = compared(matrix_of(30, 20), noise, zero, world());
  CHECK(c.base_sum_squares == 0);
  CHECK(c.base_sigma_max == 0);
  CHECK(std::isnan(c.cka));
  CHECK(std::isnan(c.uncentred_root));
}
