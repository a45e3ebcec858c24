#pragma once

/// @file
/// The null model: the spectrum of a matrix with independent elements. Edges, largest eigenvalue,
/// spikes above it, and the alpha that a fit would give. docs/metrics.md explains the columns.

#include <cstdint>
#include <span>
#include <vector>

namespace wishart::fit {

/// P(TW1 > s) for the Tracy-Widom law of order 1.
///
/// Cubic interpolation of ln P in a table (tools/make-tracy-widom) for -8 <= s <= 8: the relative
/// error of P is below 1e-4 for P < 0.5, the absolute error below 1e-5 elsewhere. Above 8, the
/// leading term of the asymptotic expansion, joined to the table.
[[nodiscard]] double tracy_widom_survival(double s);

/// Centre and scale of the largest eigenvalue of W^T W for W of `long_side` x `short_side`
/// independent standard normal elements: (lambda_1 - centre) / scale follows TW1.
///
/// Those of Johnstone (Ann. Statist. 29 (2001) 295, eq. 1.3 and 1.4) with 1/2 subtracted from both
/// sides, which improves the error from O(short side^-1/3) to O(short side^-2/3) (Ma, Bernoulli 18
/// (2012) 322). Fractional sides are allowed.
struct EdgeLaw {
  double centre = 0;
  double scale = 0;
};
[[nodiscard]] EdgeLaw edge_law(double long_side, double short_side);

/// The probability that the largest eigenvalue of `views` matrices, with independent elements of
/// variance `variance`, is at least `largest`: the probability for one matrix times the number of
/// matrices, at most 1.
///
/// If the variance is the mean square of the same matrices, the true probability is smaller, by a
/// quarter for 100 x 100 and by a tenth for 500 x 500, because the largest eigenvalue and the sum
/// are correlated.
[[nodiscard]] double largest_p(double largest, double variance, double long_side, double short_side,
                               double views);

/// The ends of the Marchenko-Pastur bulk for elements of variance `variance`: variance *
/// (sqrt(long side) -+ sqrt(short side))^2.
struct Bulk {
  double low = 0;
  double high = 0;
};
[[nodiscard]] Bulk bulk_of(double long_side, double short_side, double variance);

/// The share of a Marchenko-Pastur bulk of variance 1 and unit long side, in units lambda /
/// (variance * long side), at or below x. `aspect` is short side / long side, in (0, 1].
[[nodiscard]] double marchenko_pastur_cdf(double x, double aspect);

/// The shape of a spectrum: the eigenvalues of `views` matrices with the same sides, taken
/// together.
struct Shape {
  std::int64_t long_side = 0;
  std::int64_t short_side = 0;
  std::int64_t views = 1;
};

/// The number of eigenvalues whose largest_p is below kSpikeLevel.
[[nodiscard]] std::int64_t count_spikes(std::span<const double> ascending, double variance,
                                        const Shape& shape);

/// Compares the eigenvalues with a matrix of independent elements with the same sum of squares.
/// Nothing is fitted: the variance is the mean square of the elements.
struct FreeNull {
  double edge = 0;              ///< upper end of the bulk
  double softrank = 0;          ///< edge / lambda_max
  std::int64_t num_spikes = 0;  ///< with a largest_p below kSpikeLevel
  double p = 1;                 ///< largest_p of the largest
};
[[nodiscard]] FreeNull free_null(std::span<const double> ascending, const Shape& shape);

/// The bulk that remains after the eigenvalues above it are removed one by one, from the largest.
///
/// The largest remaining eigenvalue is a spike if its largest_p is below kSpikeLevel for a matrix
/// with one column less for each earlier spike. The variance is the mean over all remaining
/// eigenvalues, including this one. This is the test of Kritchman and Nadler (IEEE Trans. Signal
/// Process. 57 (2009) 3930, section III), except for their variance, which excludes the largest
/// eigenvalue. With theirs, noise has spikes two to three times as often as it should.
struct BulkFit {
  double variance = 0;          ///< of an element
  Bulk bulk;                    ///< its ends, for the whole matrix
  std::vector<double> spike_p;  ///< of each spike, from the largest
  /// KS distance of the remaining eigenvalues from their Marchenko-Pastur law; NaN if they are zero
  double D = 0;
  /// There is no bulk: more than half of the values are spikes, or those that remain are zero.
  bool at_bound = false;
};
/// @param unresolved  eigenvalues up to this one count as 0: rounding errors are no bulk
[[nodiscard]] BulkFit fit_bulk(std::span<const double> ascending, const Shape& shape,
                               double unresolved = 0);

/// The alpha that the default fit gives for Gaussian matrices of this shape.
struct NullAlpha {
  double mean = 0;
  double sd = 0;  ///< between matrices
};
/// Interpolated in a table (tests/bench/null_alpha.cpp), linearly in the logarithms of the sides.
/// Outside the table, the value for the nearest shape. For one view only; NaN for several.
[[nodiscard]] NullAlpha null_alpha(const Shape& shape);

}  // namespace wishart::fit
