#pragma once

/// @file
/// Internal: figures of the densities of eigenvalues.

#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// A figure for each layer with singular values in the record, in the order of layers_to_draw: the
/// histogram of its eigenvalues on logarithmic axes, the fitted tail, and the Marchenko-Pastur
/// bulk. A figure contains the bins, not the eigenvalues.
[[nodiscard]] std::vector<Figure> density_figures(const CheckpointRecord& record);

}  // namespace wishart::report
