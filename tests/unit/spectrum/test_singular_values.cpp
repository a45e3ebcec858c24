/// @file
/// The two-stage singular values against LAPACK's GESDD and against known ones.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "lapack.hpp"
#include "singular_values.hpp"

using namespace wishart;
using namespace wishart::spectrum;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

/// Numbers in [-0.5, 0.5) that depend on their place only.
double noise(std::int64_t row, std::int64_t col) {
  std::uint64_t state = static_cast<std::uint64_t>(row) * 0x9E3779B97F4A7C15ULL +
                        static_cast<std::uint64_t>(col) * 0xC2B2AE3D27D4EB4FULL + 1;
  state = (state ^ (state >> 31U)) * 0xBF58476D1CE4E5B9ULL;
  return static_cast<double>((state ^ (state >> 27U)) >> 11U) * 0x1p-53 - 0.5;
}

std::vector<double> noise_matrix(std::int64_t rows, std::int64_t cols) {
  std::vector<double> a(static_cast<std::size_t>(rows * cols));
  for (std::int64_t col = 0; col < cols; ++col) {
    for (std::int64_t row = 0; row < rows; ++row) {
      a[static_cast<std::size_t>(row + col * rows)] = noise(row, col);
    }
  }
  return a;
}

/// Ascending.
std::vector<double> by_gesdd(std::vector<double> a, std::int64_t rows, std::int64_t cols) {
  const int m = static_cast<int>(rows);
  const int n = static_cast<int>(cols);
  const int least = std::min(m, n);
  std::vector<double> sigma(static_cast<std::size_t>(least));
  std::vector<int> iwork(static_cast<std::size_t>(8 * least));
  const int lwork = 80 * std::max(m, n);
  std::vector<double> work(static_cast<std::size_t>(lwork));
  const int one = 1;
  double unused = 0;
  int info = 0;
  dgesdd_("N", &m, &n, a.data(), &m, sigma.data(), &unused, &one, &unused, &one, work.data(),
          &lwork, iwork.data(), &info, 1);
  REQUIRE(info == 0);
  std::reverse(sigma.begin(), sigma.end());
  return sigma;
}

std::vector<InstructionSet> available() {
  std::vector<InstructionSet> all{InstructionSet::portable};
  if (best_instruction_set() >= InstructionSet::avx2) all.push_back(InstructionSet::avx2);
  if (best_instruction_set() >= InstructionSet::avx512) all.push_back(InstructionSet::avx512);
  return all;
}

/// The largest difference, in eps times the largest value.
double difference_in_eps(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest / (kEps * std::max(b.back(), std::numeric_limits<double>::min()));
}

/// Singular values, ascending, by both stages at any order and width.
std::vector<double> by_stages(std::vector<double> a, std::int64_t n, std::int64_t width,
                              InstructionSet isa) {
  Workspace workspace;
  std::vector<double> d(static_cast<std::size_t>(n));
  std::vector<double> e(static_cast<std::size_t>(n));
  reduce_to_upper_band(a, n, n, width, workspace);
  reduce_to_bidiagonal(a, n, n, width, isa, workspace, d, e);
  REQUIRE_NOTHROW(bidiagonal_values(d, e, workspace));
  std::reverse(d.begin(), d.end());
  return d;
}

std::vector<double> values_of(std::vector<double> a, std::int64_t rows, std::int64_t cols) {
  Workspace workspace;
  std::vector<double> sigma(static_cast<std::size_t>(std::min(rows, cols)));
  singular_values(a, rows, cols, best_instruction_set(), workspace, sigma);
  return sigma;
}

}  // namespace

TEST_CASE("two stages give GESDD's values for every order, width and instruction set",
          "[singular-values]") {
  int compared = 0;
  for (const std::int64_t n : {1, 2, 3, 4, 5, 17, 64, 65, 130, 257}) {
    const std::vector<double> matrix = noise_matrix(n, n);
    const std::vector<double> reference = by_gesdd(matrix, n, n);
    for (const std::int64_t width : {1, 2, 3, 8, 13, 32, 64, 300}) {
      for (const InstructionSet isa : available()) {
        CAPTURE(n, width, static_cast<int>(isa));
        CHECK(difference_in_eps(by_stages(matrix, n, width, isa), reference) <=
              10 * std::sqrt(static_cast<double>(n)));
        ++compared;
      }
    }
  }
  CHECK(compared == 80 * static_cast<int>(available().size()));
}

TEST_CASE("the band has the singular values of the matrix, and nothing below its diagonal counts",
          "[singular-values]") {
  constexpr std::int64_t n = 150;
  constexpr std::int64_t width = 20;
  std::vector<double> a = noise_matrix(n, n);
  const std::vector<double> reference = by_gesdd(a, n, n);
  Workspace workspace;
  reduce_to_upper_band(a, n, n, width, workspace);
  for (std::int64_t col = 0; col < n; ++col) {
    for (std::int64_t row = 0; row < n; ++row) {
      if (row > col || col - row > width) a[static_cast<std::size_t>(row + col * n)] = 0;
    }
  }
  CHECK(difference_in_eps(by_gesdd(a, n, n), reference) <= 100);
}

TEST_CASE("singular values of tall, wide and square matrices agree with GESDD's at any scale",
          "[singular-values]") {
  for (const auto& [rows, cols] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {520, 520}, {520, 700}, {700, 520}, {40, 90}, {90, 40}, {1, 7}, {7, 1}}) {
    const std::vector<double> matrix = noise_matrix(rows, cols);
    const std::vector<double> reference = by_gesdd(matrix, rows, cols);
    for (const int exponent : {0, 700, -700}) {
      std::vector<double> scaled = matrix;
      for (double& value : scaled) value = std::scalbn(value, exponent);
      std::vector<double> values = values_of(scaled, rows, cols);
      for (double& value : values) value = std::scalbn(value, -exponent);
      CAPTURE(rows, cols, exponent);
      CHECK(std::is_sorted(values.begin(), values.end()));
      CHECK(difference_in_eps(values, reference) <= 300);
    }
  }
  CHECK(std::string(singular_values_routine(511)) == "dgesdd");
  CHECK(std::string(singular_values_routine(512)) == "two-stage-svd");
}

TEST_CASE("known singular values: zeros, low rank, a diagonal over twenty decades",
          "[singular-values]") {
  constexpr std::int64_t n = 600;
  const auto at = [](std::int64_t row, std::int64_t col) {
    return static_cast<std::size_t>(row + col * n);
  };
  const std::vector<double> zeros = values_of(std::vector<double>(n * n), n, n);
  CHECK(std::all_of(zeros.begin(), zeros.end(), [](double value) { return value == 0; }));

  const auto planted = [](std::int64_t i) {
    return std::pow(10.0, -20.0 * static_cast<double>(i) / static_cast<double>(n - 1));
  };
  std::vector<double> diagonal(n * n);
  for (std::int64_t i = 0; i < n; ++i) {
    diagonal[at(i, n - 1 - i)] = (i % 2 == 0 ? 1 : -1) * planted(i);
  }
  const std::vector<double> values = values_of(diagonal, n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    CAPTURE(i, values[static_cast<std::size_t>(i)], planted(n - 1 - i));
    CHECK(std::abs(values[static_cast<std::size_t>(i)] - planted(n - 1 - i)) <= 100 * kEps);
  }

  // The sum of three products of vectors: all but three values are zero to rounding.
  std::vector<double> low(n * n);
  for (std::int64_t k = 0; k < 3; ++k) {
    for (std::int64_t col = 0; col < n; ++col) {
      for (std::int64_t row = 0; row < n; ++row) {
        low[at(row, col)] += noise(row, k) * noise(col, k + 10);
      }
    }
  }
  const std::vector<double> few = values_of(low, n, n);
  CHECK(few[n - 4] <= 1e-12 * few[n - 1]);
  CHECK(few[n - 3] >= 1e-2 * few[n - 1]);
}
