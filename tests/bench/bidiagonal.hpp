#pragma once

/// @file
/// Eigenvalues of W^T W for Gaussian W without forming W: Golub and Kahan's reduction of such a
/// matrix to bidiagonal form gives independent, chi-distributed elements (Silverstein 1985;
/// Dumitriu and Edelman, J. Math. Phys. 43 (2002) 5830). Needs LAPACK.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "wishart/fit/random.hpp"

extern "C" void dsterf_(const int* n, double* d, double* e, int* info);

namespace wishart::bench {

/// Chi with `degrees` degrees of freedom: the norm of that many standard normals. Gamma by
/// Marsaglia and Tsang's method (ACM Trans. Math. Softw. 26 (2000) 363).
inline double chi(double degrees, fit::CounterRandom& random) {
  const double shape = degrees / 2;
  if (shape < 1) {
    const double z = random.normal();
    return std::abs(z);  // one is the only number of degrees of freedom below two
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double z = random.normal();
    const double v = std::pow(1 + c * z, 3);
    if (v > 0 && std::log(random.uniform()) < z * z / 2 + d - d * v + d * std::log(v)) {
      return std::sqrt(2 * d * v);
    }
  }
}

/// A symmetric tridiagonal matrix.
struct Tridiagonal {
  std::vector<double> diagonal;
  std::vector<double> beside;  ///< one fewer, and a last 0
};

/// A tridiagonal matrix with the eigenvalues of (W + spike u v^T)^T (W + ...) for W of rows x cols
/// standard normals, rows >= cols, and unit vectors u, v. The first column becomes normal + spike.
inline Tridiagonal gaussian_gram(std::int64_t rows, std::int64_t cols, double spike,
                                 fit::CounterRandom& random) {
  const auto n = static_cast<std::size_t>(cols);
  std::vector<double> diagonal(n);
  std::vector<double> above(n);
  for (std::size_t i = 0; i < n; ++i) {
    diagonal[i] = chi(static_cast<double>(rows) - static_cast<double>(i), random);
    if (i + 1 < n) above[i] = chi(static_cast<double>(n - i - 1), random);
  }
  if (spike > 0) {
    const double first = random.normal() + spike;
    const double rest = chi(static_cast<double>(rows) - 1, random);
    diagonal[0] = std::hypot(first, rest);
  }
  // B^T B of the upper bidiagonal B.
  Tridiagonal gram{std::vector<double>(n), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    gram.diagonal[i] = diagonal[i] * diagonal[i] + (i > 0 ? above[i - 1] * above[i - 1] : 0);
    if (i + 1 < n) gram.beside[i] = diagonal[i] * above[i];
  }
  return gram;
}

/// The ascending eigenvalues of the same.
inline std::vector<double> gaussian_eigenvalues(std::int64_t rows, std::int64_t cols, double spike,
                                                fit::CounterRandom& random) {
  Tridiagonal gram = gaussian_gram(rows, cols, spike, random);
  const int size = static_cast<int>(cols);
  int info = 0;
  dsterf_(&size, gram.diagonal.data(), gram.beside.data(), &info);
  if (info != 0) throw std::runtime_error("dsterf did not converge");
  for (double& value : gram.diagonal) value = std::max(value, 0.0);
  return gram.diagonal;
}

/// The largest eigenvalue, by bisection with relative accuracy `relative`: far cheaper than
/// computing all eigenvalues. A is below x if all pivots of A - x are negative (Sylvester's law of
/// inertia).
inline double largest_eigenvalue(const Tridiagonal& a, double relative) {
  const std::size_t n = a.diagonal.size();
  const auto is_below = [&](double x) {
    double pivot = a.diagonal[0] - x;
    for (std::size_t i = 1; i < n && pivot < 0; ++i) {
      pivot = a.diagonal[i] - x - a.beside[i - 1] * a.beside[i - 1] / pivot;
    }
    return pivot < 0;
  };
  double low = *std::max_element(a.diagonal.begin(), a.diagonal.end());
  double high = 2 * low;
  while (!is_below(high)) high *= 2;
  while (high - low > relative * high) {
    const double middle = (low + high) / 2;
    (is_below(middle) ? high : low) = middle;
  }
  return (low + high) / 2;
}

}  // namespace wishart::bench
