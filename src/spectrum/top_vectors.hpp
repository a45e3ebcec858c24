#pragma once

/// @file
/// Internal: eigenvectors of the largest eigenvalues of a symmetric matrix, which is only used in
/// products.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "wishart/mpi/comm.hpp"

namespace wishart::spectrum {

/// to = G * from for blocks of `count` vectors of length n, column-major. Every rank of the team
/// calls it with the same vectors and gets the same result.
using BlockProduct =
    std::function<void(std::span<const double> from, std::int64_t count, std::span<double> to)>;

struct TopVectors {
  std::int64_t count = 0;
  std::vector<double> values;   ///< descending
  std::vector<double> vectors;  ///< n x count, column-major, orthonormal
  double residual = 0;          ///< largest |G v - value v| / largest value
};

/// The share of the largest eigenvalue above which a vector is resolved: 1e-6 of the largest
/// singular value.
inline constexpr double kResolvedShare = 1e-12;

/// How many of the vectors are resolved. Those of smaller values are any of their space.
[[nodiscard]] std::int64_t resolved_count(const TopVectors& top);

/// The first `count` of the vectors, of length n.
[[nodiscard]] TopVectors first_vectors(TopVectors top, std::int64_t n, std::int64_t count);

/// The `count` largest eigenvalues of a positive semidefinite G of order n, with vectors.
///
/// Block Krylov iteration with restarts (Golub and Underwood, The block Lanczos method, 1977; with
/// all blocks orthogonalised against all others): from a block X, with a few more vectors than
/// requested, the basis [X, G X, G^2 X, ...] is made orthonormal, and the Ritz vectors of G in it
/// become the next X. It stops when every residual is below 1e-10 of the largest value, or after 40
/// restarts; the remaining residual is returned. If n is small, the basis is the whole space and
/// the result is exact. It starts from fixed pseudo-random vectors, so that the same G gives the
/// same result.
///
/// Collective over `team`: rank 0 does the small dense work and sends the result to the others.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] TopVectors top_vectors(const mpi::Comm& team, std::int64_t n, std::int64_t count,
                                     const BlockProduct& product);

/// Singular values of a small square matrix (column-major, order n), descending.
[[nodiscard]] std::vector<double> small_singular_values(std::vector<double> a, std::int64_t n);

}  // namespace wishart::spectrum
