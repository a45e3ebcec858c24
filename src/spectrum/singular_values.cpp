#include "singular_values.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "lapack.hpp"
#include "scaling.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// From this order on two stages are faster than GESDD (tests/bench, docs/performance.md).
constexpr std::int64_t kTwoStageFrom = 512;
constexpr std::int64_t kWidth = 64;

/// Scales by a power of two that brings the largest element near 1, and returns the exponent.
int scale_to_one(std::span<double> a) {
  double largest = 0;
  for (const double value : a) largest = std::max(largest, std::abs(value));
  const int exponent = scaling_exponent(largest);
  if (exponent == 0) return 0;
  for (double& value : a) value = std::scalbn(value, -exponent);
  return exponent;
}

/// Replaces a tall matrix by its upper triangular factor, in the first `cols` rows.
void to_upper_triangle(std::span<double> a, std::int64_t rows, std::int64_t cols,
                       Workspace& workspace) {
  const int m = narrow<int>(rows, "rows of a matrix");
  const int n = narrow<int>(cols, "columns of a matrix");
  const std::span<double> tau = workspace.take<double>(cols);
  const int lwork = narrow<int>(64 * cols, "workspace of dgeqrf");
  const std::span<double> work = workspace.take<double>(lwork);
  int info = 0;
  dgeqrf_(&m, &n, a.data(), &m, tau.data(), work.data(), &lwork, &info);
  check_info(info, "dgeqrf");
  for (std::int64_t col = 0; col < cols; ++col) {
    std::fill_n(a.data() + col * rows + col + 1, cols - col - 1, 0.0);
  }
}

/// Replaces a wide matrix by its lower triangular factor, in the first `rows` columns.
void to_lower_triangle(std::span<double> a, std::int64_t rows, std::int64_t cols,
                       Workspace& workspace) {
  const int m = narrow<int>(rows, "rows of a matrix");
  const int n = narrow<int>(cols, "columns of a matrix");
  const std::span<double> tau = workspace.take<double>(rows);
  const int lwork = narrow<int>(64 * rows, "workspace of dgelqf");
  const std::span<double> work = workspace.take<double>(lwork);
  int info = 0;
  dgelqf_(&m, &n, a.data(), &m, tau.data(), work.data(), &lwork, &info);
  check_info(info, "dgelqf");
  for (std::int64_t col = 0; col < rows; ++col) {
    std::fill_n(a.data() + col * rows, col, 0.0);
  }
}

/// Singular values of the square matrix `a`, descending.
void two_stage(std::span<double> a, std::int64_t n, std::int64_t ld, InstructionSet isa,
               Workspace& workspace, std::span<double> sigma) {
  reduce_to_upper_band(a, n, ld, kWidth, workspace);
  const std::span<double> above = workspace.take<double>(n);
  reduce_to_bidiagonal(a, n, ld, kWidth, isa, workspace, sigma, above);
  bidiagonal_values(sigma, above, workspace);
}

void one_stage(std::span<double> a, std::int64_t rows, std::int64_t cols, Workspace& workspace,
               std::span<double> sigma) {
  const int m = narrow<int>(rows, "rows of a matrix");
  const int n = narrow<int>(cols, "columns of a matrix");
  const std::int64_t least_side = std::min(rows, cols);
  const std::span<int> iwork = workspace.take<int>(8 * least_side);
  double unused = 0;
  double work_query = 0;
  const int one = 1;
  const int query = -1;
  int info = 0;
  dgesdd_("N", &m, &n, a.data(), &m, sigma.data(), &unused, &one, &unused, &one, &work_query,
          &query, iwork.data(), &info, 1);
  check_info(info, "dgesdd");
  // The documented minimum for JOBZ = 'N' (LAPACK 3.11).
  const std::int64_t least =
      3 * least_side + std::max<std::int64_t>(std::max(rows, cols), 7 * least_side);
  const int lwork = workspace_length(work_query, least, "dgesdd");
  const std::span<double> work = workspace.take<double>(lwork);
  dgesdd_("N", &m, &n, a.data(), &m, sigma.data(), &unused, &one, &unused, &one, work.data(),
          &lwork, iwork.data(), &info, 1);
  check_info(info, "dgesdd");
}

}  // namespace

void singular_values(std::span<double> a, std::int64_t rows, std::int64_t cols, InstructionSet isa,
                     Workspace& workspace, std::span<double> sigma) {
  const std::int64_t order = std::min(rows, cols);
  require(order >= 1 && std::ssize(a) >= rows * cols && std::ssize(sigma) >= order,
          "singular_values needs a whole matrix and room for its result");
  const std::span<double> elements = a.first(static_cast<std::size_t>(rows * cols));
  const std::span<double> values = sigma.first(static_cast<std::size_t>(order));
  if (order >= kTwoStageFrom) {
    const int exponent = scale_to_one(elements);
    if (rows > cols) to_upper_triangle(elements, rows, cols, workspace);
    if (rows < cols) to_lower_triangle(elements, rows, cols, workspace);
    two_stage(elements, order, rows, isa, workspace, values);
    if (exponent != 0) {
      for (double& value : values) value = std::scalbn(value, exponent);
    }
  } else {
    one_stage(elements, rows, cols, workspace, values);
  }
  std::reverse(values.begin(), values.end());
}

void bidiagonal_values(std::span<double> diagonal, std::span<double> above, Workspace& workspace) {
  const std::int64_t n = std::ssize(diagonal);
  const std::span<double> work = workspace.take<double>(4 * n);
  const int order = narrow<int>(n, "order of a bidiagonal matrix");
  const int zero = 0;
  const int one = 1;
  double unused = 0;
  int info = 0;
  dbdsqr_("U", &order, &zero, &zero, &zero, diagonal.data(), above.data(), &unused, &one, &unused,
          &one, &unused, &one, work.data(), &info, 1);
  check_info(info, "dbdsqr");
}

const char* singular_values_routine(std::int64_t order) noexcept {
  return order >= kTwoStageFrom ? "two-stage-svd" : "dgesdd";
}

}  // namespace wishart::spectrum
