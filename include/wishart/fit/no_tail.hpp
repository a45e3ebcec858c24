#pragma once

/// @file
/// Does a spectrum have a tail at all? An orthogonal matrix has none, and its alpha means nothing.

#include <span>
#include <string>

#include "wishart/fit/null_model.hpp"

namespace wishart::fit {

/// What speaks for or against a tail. None of it depends on the scale of the matrix.
struct TailEvidence {
  /// Variance of the eigenvalues over their squared mean, divided by what a matrix of independent
  /// elements has, n / (N views) for n eigenvalues: the statistic of John's test of sphericity
  /// (Ledoit and Wolf, Ann. Statist. 30 (2002) 1081). 1 for noise of any shape, more for trained
  /// layers. An orthogonal matrix that holds the share s of the squares, and noise, have 1 - s^2.
  double scatter = 0;
  /// Vuong's ratio, in standard deviations, of a uniform law from the smallest to the largest
  /// eigenvalue to a power law from the smallest on. Positive: the uniform law is better.
  double uniform_R = 0;
  /// Mean of ln(x / median) over its maximum, for the upper half of the eigenvalues, minus 1/2, in
  /// standard deviations. Positive: their density rises towards the largest. It has the sign of
  /// minus the exponent of the truncated Pareto law
  /// (Aban, Meerschaert, Panorska, JASA 101 (2006) 270).
  double rise = 0;
};

/// @param ascending  positive, not all equal; all eigenvalues above the floor
[[nodiscard]] TailEvidence tail_evidence(std::span<const double> ascending, const Shape& shape);

/// Mean alpha of Gaussian matrices of this shape: null_alpha within its table; beyond, growing with
/// the square roots of side and aspect ratio as its last columns do. Views count as one larger
/// matrix.
[[nodiscard]] double alpha_of_noise(const Shape& shape);

/// Why these eigenvalues have no power-law tail (docs/metrics-methods.md).
/// @param alpha  the exponent that was fitted to them, or to a part of them
/// @return a sentence; empty if they have one
[[nodiscard]] std::string why_no_tail(std::span<const double> ascending, const Shape& shape,
                                      double alpha);

}  // namespace wishart::fit
