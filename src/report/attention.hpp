#pragma once

/// @file
/// Internal: which layers need attention, and why.

#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::report {

/// Layers that share a warning, worst first.
struct AttentionGroup {
  std::string warning;  ///< as in the column `warning`
  std::string meaning;  ///< what it says about the layers, and what to do
  std::vector<const LayerRow*> layers;
};

/// The warnings that occur, most severe first. A layer with several warnings is listed under each.
[[nodiscard]] std::vector<AttentionGroup> layers_that_need_attention(
    const std::vector<LayerRow>& layers);

}  // namespace wishart::report
