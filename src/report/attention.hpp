#pragma once

/// @file
/// Inside of the module: which layers need attention, and why.

#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::report {

/// Layers that share a warning, worst first.
struct AttentionGroup {
  std::string warning;  ///< as in the column `warning`
  std::string meaning;  ///< what it says about the layers, and what one does
  std::vector<const LayerRow*> layers;
};

/// The warnings that occur, gravest first. A layer with several stands under each.
[[nodiscard]] std::vector<AttentionGroup> layers_that_need_attention(
    const std::vector<LayerRow>& layers);

}  // namespace wishart::report
