/// @file
/// Compares the two-stage reduction on one rank with LAPACK's one-stage eigenvalues.

#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "band.hpp"
#include "eigenvalues.hpp"
#include "lapack.hpp"
#include "mpi/matrices.hpp"

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::noise;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

/// A symmetric matrix of order n, with values above the diagonal that must not be read.
std::vector<double> symmetric(std::int64_t n) {
  std::vector<double> a(static_cast<std::size_t>(n * n), std::numeric_limits<double>::quiet_NaN());
  for (std::int64_t col = 0; col < n; ++col) {
    for (std::int64_t row = col; row < n; ++row) {
      a[static_cast<std::size_t>(row + col * n)] = noise(row, col);
    }
  }
  return a;
}

std::vector<double> lapack_eigenvalues(std::vector<double> a, std::int64_t order) {
  const int n = static_cast<int>(order);
  const int lwork = 2 * n + 1;
  const int liwork = 1;
  int iwork = 0;
  int info = 0;
  std::vector<double> w(static_cast<std::size_t>(n));
  std::vector<double> work(static_cast<std::size_t>(lwork));
  dsyevd_("N", "L", &n, a.data(), &n, w.data(), work.data(), &lwork, &iwork, &liwork, &info, 1, 1);
  REQUIRE(info == 0);
  return w;
}

std::vector<InstructionSet> available() {
  std::vector<InstructionSet> all{InstructionSet::portable};
  if (best_instruction_set() >= InstructionSet::avx2) all.push_back(InstructionSet::avx2);
  if (best_instruction_set() >= InstructionSet::avx512) all.push_back(InstructionSet::avx512);
  return all;
}

/// The largest difference of two lists of eigenvalues, in eps times the norm: a number that a
/// message can show.
double difference_in_eps(const std::vector<double>& a, const std::vector<double>& b, double norm) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest / (kEps * norm);
}

}  // namespace

TEST_CASE("two stages give LAPACK's eigenvalues for every order, width and instruction set",
          "[reduction]") {
  Workspace workspace;
  int compared = 0;
  for (const std::int64_t n : {1, 2, 3, 4, 5, 17, 64, 65, 130, 257}) {
    const std::vector<double> reference = lapack_eigenvalues(symmetric(n), n);
    const double norm = std::max(std::abs(reference.front()), std::abs(reference.back()));
    for (const std::int64_t width : {1, 2, 3, 8, 13, 32, 64, 100}) {
      for (const InstructionSet isa : available()) {
        workspace.reset();
        std::vector<double> a = symmetric(n);
        std::vector<double> d(static_cast<std::size_t>(n));
        std::vector<double> e(static_cast<std::size_t>(n));
        reduce_to_band(a, n, n, width, isa, workspace);
        reduce_to_tridiagonal(a, n, n, width, isa, workspace, d, e);
        const int order = static_cast<int>(n);
        int info = 0;
        dsterf_(&order, d.data(), e.data(), &info);
        CAPTURE(n, width, static_cast<int>(isa));
        REQUIRE(info == 0);
        // Backward stable: an error of c eps times the norm, c growing slowly with the order.
        CHECK(difference_in_eps(d, reference, norm) <= 10 * std::sqrt(static_cast<double>(n)));
        ++compared;
      }
    }
  }
  CHECK(compared == 80 * static_cast<int>(available().size()));
}

TEST_CASE("the band has the eigenvalues of the matrix", "[reduction]") {
  Workspace workspace;
  const std::int64_t n = 350;
  const std::int64_t width = 20;
  const std::vector<double> reference = lapack_eigenvalues(symmetric(n), n);
  for (const InstructionSet isa : available()) {
    CAPTURE(static_cast<int>(isa));
    workspace.reset();
    std::vector<double> a = symmetric(n);
    reduce_to_band(a, n, n, width, isa, workspace);
    for (std::int64_t col = 0; col < n; ++col) {
      for (std::int64_t row = col + width + 1; row < n; ++row) {
        a[static_cast<std::size_t>(row + col * n)] = 0;
      }
    }
    CHECK(difference_in_eps(lapack_eigenvalues(a, n), reference, reference.back()) <= 100);
  }
}

TEST_CASE("from the order on where two stages are used, the values still agree with LAPACK's",
          "[reduction]") {
  Workspace workspace;
  const std::int64_t n = 1030;
  std::vector<double> a = symmetric(n);
  // Positive semidefinite, as a Gram matrix: the diagonal dominates.
  for (std::int64_t i = 0; i < n; ++i) a[static_cast<std::size_t>(i + i * n)] += 1000.0;
  const std::vector<double> reference = lapack_eigenvalues(a, n);
  for (const int exponent : {0, 700, -700}) {
    std::vector<double> scaled = a;
    for (double& value : scaled) value = std::scalbn(value, exponent);
    std::vector<double> eigenvalues(static_cast<std::size_t>(n));
    workspace.reset();
    const std::string solver =
        symmetric_eigenvalues(scaled, n, best_instruction_set(), workspace, eigenvalues);
    CHECK(solver == "two-stage");
    for (double& value : eigenvalues) value = std::scalbn(value, -exponent);
    CHECK(difference_in_eps(eigenvalues, reference, reference.back()) <= 350);
  }
}

TEST_CASE("the eigensolver takes as much from the workspace as it states", "[reduction]") {
  for (const std::int64_t n : {1, 50, 1023, 1024, 2000}) {
    Workspace workspace;
    std::vector<double> a(static_cast<std::size_t>(n * n), 0.0);
    for (std::int64_t i = 0; i < n; ++i) {
      a[static_cast<std::size_t>(i + i * n)] = static_cast<double>(i + 1);
    }
    std::vector<double> eigenvalues(static_cast<std::size_t>(n));
    (void)symmetric_eigenvalues(a, n, best_instruction_set(), workspace, eigenvalues);
    CHECK(eigenvalues.front() == Approx(1.0));
    CHECK(eigenvalues.back() == Approx(static_cast<double>(n)));
    // The workspace rounds up each array to a cache line, and the total to 4 MiB.
    CHECK(workspace.capacity_bytes() <=
          std::max<std::int64_t>(eigenvalue_workspace_bytes(n) + 4096, std::int64_t{4} << 20) * 2);
  }
}
