#pragma once

/// @file
/// The largest singular values of a view, with their vectors.

#include <cstdint>
#include <vector>

#include "wishart/spectrum/spectrum.hpp"

namespace wishart::spectrum {

struct LeadingVectors {
  std::int64_t count = 0;
  std::vector<double> sigma;  ///< descending
  std::vector<double> left;   ///< rows x count, column-major, of unit length
  std::vector<double> right;  ///< cols x count, column-major, of unit length
  double residual = 0;        ///< largest |G v - sigma^2 v| / sigma_max^2, G the Gram matrix
};

/// The `count` largest singular values of one view, at most its short side. All elements must be
/// finite and the values positive.
///
/// Each rank of the team accumulates its columns of the short side's Gram matrix from a pass over
/// the whole view, so that no rank holds more than its share. The vectors of the short side are
/// those of the Gram matrix (top_vectors.hpp), those of the long side follow in a second pass: W v
/// / |W v|. The sign of a pair is arbitrary. Collective over the team; complete on every rank.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] LeadingVectors leading_vectors(const Matrix& matrix, ElementSource& source,
                                             std::int64_t view, std::int64_t count, Team& team,
                                             const SolveOptions& options, Workspace& workspace);

}  // namespace wishart::spectrum
