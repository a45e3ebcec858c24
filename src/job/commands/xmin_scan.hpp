#pragma once

/// @file
/// The candidates for xmin of a fit, as the fit of the record considers them.

#include <vector>

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/report/plots.hpp"

namespace wishart::job {

/// alpha and D for every candidate, by ascending xmin.
/// @param sigma  the singular values of the layer
[[nodiscard]] std::vector<report::XminCandidate> xmin_candidates(const Provenance& provenance,
                                                                 const LayerRow& row,
                                                                 const std::vector<double>& sigma);

}  // namespace wishart::job
