#pragma once

/// @file
/// Internal: matrices with singular values that are zero where those of others of the shape are
/// not.

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// Such a matrix, and what is seen.
struct DeficientRank {
  std::size_t index = 0;  ///< of its row
  std::string text;       ///< `26 of 64 singular values are zero, ...`
};

/// Embeddings and heads are left out: words that are never used leave rows of zeros.
///
/// 1. All matrices of a role and shape have one and the same rank, a simple share (k / 2^n) of the
///    full one: shards of a parallel training, of which one was written twice. Pruning leaves ranks
///    that differ. Not at the beginning of a training: growing a model repeats parts of it.
/// 2. Else fewer than half of the matrices of a shape are deficient. Where more are, as after
///    pruning, nothing is found.
/// @pre the layers are weights, not changes of weights
/// @param initial  they are what a training begins with
[[nodiscard]] std::vector<DeficientRank> deficient_ranks(const std::vector<LayerRow>& layers,
                                                         bool initial = false);

/// Keys and values that are heads of grouped queries, each written as often as it is used: all of a
/// shape have the same rank, of which the full one is a multiple, and all queries have full rank.
[[nodiscard]] std::set<const LayerRow*> repeated_heads(const std::vector<LayerRow>& layers);

}  // namespace wishart::analysis
