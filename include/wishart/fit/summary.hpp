#pragma once

/// @file
/// Statistics of the layer table: over all layers, by role and by block.

#include <span>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// Rows in a fixed order: group `all`, then roles by name, then blocks by stack and index; in each
/// the metrics in the order of the layer table.
///
/// `weightwatcher`: the means count what WeightWatcher's get_summary counts (NaN left out, -1 of a
/// failed fit and infinities taken in).
[[nodiscard]] std::vector<SummaryRow> summarize(std::span<const LayerRow> layers,
                                                bool weightwatcher);

}  // namespace wishart::fit
