#pragma once

/// @file
/// From tensors to matrices: what is analysed, what is skipped, and why.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::model {

struct SelectionOptions {
  bool weightwatcher =
      false;  ///< compat mode: float32 arithmetic and WeightWatcher's choice of layers
  bool split_fused = false;     ///< also analyse the parts of fused tensors whose layout is known
  bool pool = true;             ///< one matrix per convolution instead of one per kernel offset
  std::int64_t min_evals = 10;  ///< skip a matrix with fewer singular values
  /// Globs for tensor names or keys. A leading `-` excludes what matches. Empty: everything.
  std::vector<std::string> layers;
};

/// What happens to the tensors of a checkpoint. Each is in `matrices`, in `skipped`, or in both (a
/// stack with some parts that are too small).
struct Selection {
  std::vector<Matrix> matrices;  ///< in natural order of their keys
  std::vector<SkippedRow> skipped;
};

/// Pure: reads no file. The order of the tensors in the catalogue does not matter.
/// @throws Error with Blame::usage if a pattern in `layers` matches no tensor, with Blame::input if
/// two tensors hold matrices of one key
[[nodiscard]] Selection select_matrices(const checkpoint::Catalogue& catalogue,
                                        const SelectionOptions& options);

/// The same with the matrices that `keeps` takes; the others are among the skipped, with the reason
/// `left-out`.
[[nodiscard]] Selection narrowed(Selection all, const std::function<bool(const Matrix&)>& keeps);

}  // namespace wishart::model
