#pragma once

/// @file
/// From a spectrum to the metrics of its layer. Pure functions; docs/metrics.md has the formulas.

#include <cstdint>

#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::fit {

struct FitOptions {
  bool weightwatcher = false;  ///< WeightWatcher 0.7.5.5's numbers, defects included
  double tolerance = 1e-6;     ///< absolute eigenvalue tolerance of weak_rank_loss
};

/// The row of the layer table for `matrix` with `spectrum`; `layer_id` is left for the caller.
///
/// A spectrum that is not ok gives a row without metrics whose status is `nonfinite` or `error`.
[[nodiscard]] LayerRow layer_row(const Matrix& matrix, const Spectrum& spectrum,
                                 const FitOptions& options);

}  // namespace wishart::fit
