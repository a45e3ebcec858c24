#pragma once

/// @file
/// From tensors to matrices: what will be analysed, and what not and why.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::model {

struct SelectionOptions {
  bool weightwatcher = false;   ///< compat mode: float32 arithmetic, its choice of layers
  bool split_fused = false;     ///< also the parts of fused tensors, where their layout is known
  bool pool = true;             ///< one matrix for a convolution, not one for each kernel offset
  std::int64_t min_evals = 10;  ///< skip a matrix with fewer singular values
  /// Globs on tensor names or keys; with a leading `-`, what to leave out. Empty: everything.
  std::vector<std::string> layers;
};

/// What becomes of every tensor of a checkpoint: each is in `matrices` or in `skipped`, or both
/// (a stack of which some parts are too small).
struct Selection {
  std::vector<Matrix> matrices;  ///< in natural order of their keys
  std::vector<SkippedRow> skipped;
};

/// Pure: reads no file. The order of the tensors in the catalogue does not matter.
/// @throws Error with Blame::usage if a pattern in `layers` matches no tensor
[[nodiscard]] Selection select_matrices(const checkpoint::Catalogue& catalogue,
                                        const SelectionOptions& options);

/// The same with the matrices that `keeps` takes; the others are among the skipped, with the reason
/// `left-out`.
[[nodiscard]] Selection narrowed(Selection all, const std::function<bool(const Matrix&)>& keeps);

}  // namespace wishart::model
