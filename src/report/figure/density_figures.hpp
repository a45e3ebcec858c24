#pragma once

/// @file
/// Internal: figures of the densities of eigenvalues.

#include <cstddef>
#include <optional>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// A figure for each layer with singular values in the record, in the order of layers_to_draw: the
/// histogram of its eigenvalues on logarithmic axes, the fitted tail with xmin and what fits nearly
/// as well, the Marchenko-Pastur bulk, and the largest eigenvalue of random orders where they were
/// computed. A figure contains the bins, not the eigenvalues.
[[nodiscard]] std::vector<Figure> density_figures(const CheckpointRecord& record);

/// That of one layer; nothing if its singular values are not in the record, or all too small.
[[nodiscard]] std::optional<Figure> density_figure(const CheckpointRecord& record,
                                                   std::size_t layer);

}  // namespace wishart::report
