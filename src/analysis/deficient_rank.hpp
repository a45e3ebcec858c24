#pragma once

/// @file
/// Internal: matrices with singular values that are zero where those of others of the shape are
/// not.

#include <cstddef>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// Such a matrix, and what is seen.
struct DeficientRank {
  std::size_t index = 0;  ///< of its row
  std::string text;       ///< `26 of 64 singular values are zero, ...`
};

/// Embeddings and heads are left out: words that are never used leave rows of zeros. Where at least
/// as many matrices of a shape are deficient as are not, as after pruning, nothing is found.
/// @pre the layers are weights, not changes of weights
[[nodiscard]] std::vector<DeficientRank> deficient_ranks(const std::vector<LayerRow>& layers);

}  // namespace wishart::analysis
