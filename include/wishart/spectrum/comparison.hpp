#pragma once

/// @file
/// A matrix against another of the same shape: how alike they are, and how alike their leading
/// singular subspaces.

#include <cstdint>

#include "wishart/spectrum/spectrum.hpp"

namespace wishart::spectrum {

/// Leading singular vectors that are compared: as many as a rank-8 or rank-16 adapter can move, and
/// few enough to lie above the bulk of most layers.
inline constexpr std::int64_t kTopVectors = 10;

/// Of each view, then averaged over the views; norms are over all views.
struct Comparison {
  double sum_squares = 0;       ///< of the matrix
  double base_sum_squares = 0;  ///< of the other
  double sigma_max = 0;         ///< the largest over the views
  double base_sigma_max = 0;
  /// Linear centred kernel alignment with rows as examples, |X^T Y|^2 / (|X^T X| |Y^T Y|) of
  /// matrices whose columns have mean 0 (Kornblith et al., ICML 2019, arXiv 1905.00414, eq. 2). NaN
  /// where one has equal rows.
  double cka = 0;
  /// The same without the means taken away, and its square root: WeightWatcher's `cka`.
  double uncentred_root = 0;
  std::int64_t num_vectors = 0;  ///< k
  /// Mean of cos^2 over the k principal angles between the spans of the leading right singular
  /// vectors of a tall view, left ones of a wide view (Bjorck and Golub, Math. Comp. 27 (1973)
  /// 579). Two random subspaces have k / short side.
  double overlap = 0;
  double largest_angle = 0;  ///< of these angles, in radians
  /// 1 / (M sum v_i^4) and -sum v_i^2 ln v_i^2 / ln M, means over the k vectors v of length M: both
  /// are 1 if all components are of one size; the first is 1/M, the second 0 for a single one. A
  /// Gaussian vector has 1/3 and about 1 - 0.73 / ln M.
  double participation = 0;
  double entropy = 0;
  double base_participation = 0;
  double base_entropy = 0;
  double residual = 0;  ///< the largest of the vectors: |G v - lambda v| / lambda_max
};

/// Compares what two sources give for `matrix`'s shape; all their elements are finite.
///
/// The short side's Gram matrices X^T X, Y^T Y and, of tall views, X^T Y are added up from panels,
/// each rank of the team its slice of the long side; then columns are dealt out, so that each rank
/// multiplies with its own (top_vectors.hpp). Collective over the team; complete on every rank.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] Comparison compare(const Matrix& matrix, ElementSource& source, const Matrix& base,
                                 ElementSource& base_source, Team& team,
                                 const SolveOptions& options, Workspace& workspace);

}  // namespace wishart::spectrum
