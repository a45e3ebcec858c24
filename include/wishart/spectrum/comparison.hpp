#pragma once

/// @file
/// Compares a matrix with another of the same shape: the similarity of the two and of their leading
/// singular subspaces.

#include <cstdint>

#include "wishart/spectrum/spectrum.hpp"

namespace wishart::spectrum {

/// The number of leading singular vectors compared: about as many as a rank-8 or rank-16 adapter
/// can change, and few enough to be above the bulk of most layers.
inline constexpr std::int64_t kTopVectors = 10;

/// Computed per view, then averaged over the views; norms are over all views.
struct Comparison {
  double sum_squares = 0;       ///< of the matrix
  double base_sum_squares = 0;  ///< of the base
  double sigma_max = 0;         ///< the largest of all views
  double base_sigma_max = 0;
  /// Linear centred kernel alignment with rows as examples, |X^T Y|^2 / (|X^T X| |Y^T Y|) of
  /// matrices whose columns have mean 0 (Kornblith et al., ICML 2019, arXiv 1905.00414, eq. 2). NaN
  /// if all rows of one matrix are equal.
  double cka = 0;
  /// The square root of the same without subtracting the means: WeightWatcher's `cka`.
  double uncentred_root = 0;
  /// k: kTopVectors, or as many as both matrices have singular values above 1e-6 of their largest.
  /// Of several views the fewest. If one has none, all that follows from vectors is NaN.
  std::int64_t num_vectors = 0;
  /// Mean of cos^2 over the k principal angles between the spans of the leading right singular
  /// vectors of a tall view, left ones of a wide view (Bjorck and Golub, Math. Comp. 27 (1973)
  /// 579). Two random subspaces have k / short side.
  double overlap = 0;
  double largest_angle = 0;  ///< of these angles, in radians
  /// 1 / (M sum v_i^4) and -sum v_i^2 ln v_i^2 / ln M, means over the k vectors v of length M: both
  /// are 1 if all components have the same magnitude; for a single nonzero component the first is
  /// 1/M and the second 0. For a Gaussian vector they are 1/3 and about 1 - 0.73 / ln M.
  double participation = 0;
  double entropy = 0;
  double base_participation = 0;
  double base_entropy = 0;
  /// Intruder dimensions: the first kTopVectors left singular vectors u of the matrix with |cos(u,
  /// v)| < 0.5 for every left singular vector v of the base (Shuttleworth et al. 2024, arXiv
  /// 2410.21228). Vectors whose singular value is below 1e-6 of the largest do not count. -1 if it
  /// is not certain (intruders.hpp), or if there are several views.
  std::int64_t num_intruders = -1;
  double residual = 0;  ///< the largest |G v - lambda v| / lambda_max over the vectors
};

/// Compares the elements of two sources, both with the shape of `matrix`. All elements must be
/// finite.
///
/// The short side's Gram matrices X^T X, Y^T Y and, of tall views, X^T Y are accumulated from
/// panels, with a slice of the long side for each rank of the team. Then the columns are
/// distributed, so that each rank multiplies with its own (top_vectors.hpp). Collective over the
/// team; complete on every rank.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] Comparison compare(const Matrix& matrix, ElementSource& source, const Matrix& base,
                                 ElementSource& base_source, Team& team,
                                 const SolveOptions& options, Workspace& workspace);

}  // namespace wishart::spectrum
