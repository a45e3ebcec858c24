#pragma once

/// @file
/// Eigenvalues of small matrices for golden data, by LAPACK.

#include <cstdint>
#include <span>
#include <vector>

#include <catch2/catch.hpp>

extern "C" void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda,
                       double* w, double* work, const int* lwork, int* info);

namespace wishart::test {

/// The ascending eigenvalues of W^T W, for W in rows of `cols` elements.
inline std::vector<double> gram_eigenvalues(std::span<const double> matrix, std::int64_t cols) {
  const auto n = static_cast<std::size_t>(cols);
  std::vector<double> gram(n * n);
  for (std::size_t r = 0; r < matrix.size(); r += n) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) gram[i * n + j] += matrix[r + i] * matrix[r + j];
    }
  }
  const int order = static_cast<int>(cols);
  std::vector<double> values(n);
  std::vector<double> work(n * 40);
  const int size = static_cast<int>(work.size());
  int info = 0;
  dsyev_("N", "U", &order, gram.data(), &order, values.data(), work.data(), &size, &info);
  REQUIRE(info == 0);
  return values;
}

}  // namespace wishart::test
