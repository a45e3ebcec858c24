#pragma once

/// @file
/// Inside of the module: drawings of the densities of eigenvalues.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// A drawing for each layer whose singular values the record has, in the order of layers_to_draw:
/// the histogram of its eigenvalues on two logarithmic axes, the fitted tail, and the bulk of
/// Marchenko and Pastur. It holds the bins, not the eigenvalues.
[[nodiscard]] std::vector<std::string> density_figures(const CheckpointRecord& record);

}  // namespace wishart::report
