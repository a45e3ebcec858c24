#pragma once

/// @file
/// Internal: whether a matrix has leading singular vectors that its base does not have.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace wishart::spectrum {

/// to = A * from for blocks of `count` vectors, column-major; A is symmetric, not negative.
using BlockTimes =
    std::function<void(std::span<const double> from, std::int64_t count, std::span<double> to)>;

/// The square of the cosine from which two singular vectors count as the same direction: 0.5^2
/// (Shuttleworth et al. 2024, arXiv 2410.21228; PEFT's reduce_intruder_dimension).
inline constexpr double kIntruderShare = 0.25;

/// Whether an eigenvector of A has at least kIntruderShare of a start vector.
enum class Share : std::uint8_t {
  some,     ///< one has
  none,     ///< none has
  unknown,  ///< the iteration ended before either was certain
};

/// For each of `count` start vectors s (column-major, length n, not longer than 1): is there an
/// eigenvector v of A, with an eigenvalue above `floor`, such that (v . s)^2 >= kIntruderShare?
///
/// Lanczos' process from s, with all vectors orthogonalised against all others, gives the Gauss
/// quadrature of the measure that has the mass (v . s)^2 at each eigenvalue. An open interval
/// between two nodes holds no more mass than their weights together (Chebyshev-Markov-Stieltjes;
/// Szego, Orthogonal Polynomials, section 3.41), so if every such sum is small, no eigenvector has
/// much of s. A node whose residual is below 1e-9 of the largest is an eigenvalue, and its weight
/// the mass. Eigenvalues that differ by less than that count as one. So a few products decide what
/// would otherwise take all eigenvectors.
/// @param most_steps  products with A at most
[[nodiscard]] std::vector<Share> share_of_one_vector(std::span<const double> starts, std::int64_t n,
                                                     std::int64_t count, double floor,
                                                     std::int64_t most_steps,
                                                     const BlockTimes& times);

}  // namespace wishart::spectrum
