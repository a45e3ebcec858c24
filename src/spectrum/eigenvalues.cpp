#include "eigenvalues.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "lapack.hpp"
#include "scaling.hpp"
#include "symmetric_pass.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// From this order on, two stages are faster than LAPACK's one-stage DSYEVD on one thread
/// (tests/bench, docs/performance.md).
constexpr std::int64_t kTwoStageFrom = 1024;

/// Width of the band. A wider band makes the products of the first stage more efficient, but the
/// chase longer. The cost of the first grows with n^3, that of the second with n^2 times the width
/// (docs/performance.md).
std::int64_t band_width(std::int64_t n) {
  if (n < 6000) return 64;
  return n < 16000 ? 96 : 128;
}

/// Scales the lower triangle by a power of two that brings the largest element near 1, and returns
/// the exponent.
int scale_to_one(std::span<double> a, std::int64_t n) {
  double largest = 0;
  // The largest element of a positive semidefinite matrix is on its diagonal.
  for (std::int64_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::abs(a[static_cast<std::size_t>(i + i * n)]));
  }
  const int exponent = scaling_exponent(largest);
  if (exponent == 0) return 0;
  for (std::int64_t col = 0; col < n; ++col) {
    double* column = a.data() + col * n;
    for (std::int64_t row = col; row < n; ++row) column[row] = std::scalbn(column[row], -exponent);
  }
  return exponent;
}

void one_stage(std::span<double> a, std::int64_t order, Workspace& workspace,
               std::span<double> eigenvalues) {
  const int n = narrow<int>(order, "order of a Gram matrix");
  // DSYEVD without vectors needs 2 n + 1. The rest allows its reduction to work in blocks of 64.
  const int lwork = narrow<int>(66 * order + 1, "workspace of dsyevd");
  const std::span<double> work = workspace.take<double>(lwork);
  std::array<int, 1> iwork{};
  const int liwork = 1;
  int info = 0;
  dsyevd_("N", "L", &n, a.data(), &n, eigenvalues.data(), work.data(), &lwork, iwork.data(),
          &liwork, &info, 1, 1);
  check_info(info, "dsyevd");
}

void two_stage(std::span<double> a, std::int64_t order, InstructionSet isa, Workspace& workspace,
               std::span<double> eigenvalues) {
  const std::int64_t width = band_width(order);
  // Our own kernels use one thread, so a BLAS with several threads is used instead.
  const InstructionSet kernels = blas_threads() > 1 ? InstructionSet::portable : isa;
  reduce_to_band(a, order, order, width, kernels, workspace);
  const std::span<double> below = workspace.take<double>(order);
  reduce_to_tridiagonal(a, order, order, width, isa, workspace, eigenvalues, below);
  const int n = narrow<int>(order, "order of a Gram matrix");
  int info = 0;
  dsterf_(&n, eigenvalues.data(), below.data(), &info);
  check_info(info, "dsterf");
}

}  // namespace

const char* symmetric_eigenvalues(std::span<double> a, std::int64_t n, InstructionSet isa,
                                  Workspace& workspace, std::span<double> eigenvalues) {
  require(n >= 1 && std::ssize(a) >= n * n && std::ssize(eigenvalues) >= n,
          "symmetric_eigenvalues needs a whole matrix and room for its result");
  const int exponent = scale_to_one(a, n);
  const bool in_two_stages = n >= kTwoStageFrom;
  if (in_two_stages) {
    two_stage(a, n, isa, workspace, eigenvalues);
  } else {
    one_stage(a, n, workspace, eigenvalues);
  }
  if (exponent != 0) {
    for (double& value : eigenvalues) value = std::scalbn(value, exponent);
  }
  return in_two_stages ? "two-stage" : "dsyevd";
}

std::int64_t eigenvalue_workspace_bytes(std::int64_t n) noexcept {
  if (n < kTwoStageFrom) return 8 * (66 * n + 1);
  const std::int64_t width = band_width(n);
  const std::int64_t reduction = 4 * n * width + 2 * width * width;
  const std::int64_t chase = (2 * width + 9) * (n + 32) + 8 * (width + 32);
  return 8 * (reduction + chase + n) + pass_workspace_bytes(n, width);
}

}  // namespace wishart::spectrum
