#pragma once

/// @file
/// Which layers need attention, and why: the warnings of a checkpoint, gravest and worst first.

#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// Layers that share a warning or a remark, worst first.
struct AttentionGroup {
  std::string warning;  ///< as in the column `warning`; of a remark also `alpha < 2`, `alpha > 6`
  std::string meaning;  ///< what it says about the layers, and what to do
  std::vector<const LayerRow*> layers;
};

/// The warnings that occur, most severe first. A layer with several warnings is listed under each.
[[nodiscard]] std::vector<AttentionGroup> layers_that_need_attention(
    const std::vector<LayerRow>& layers);

/// The number of different layers in groups of warnings.
[[nodiscard]] std::int64_t count_layers(const std::vector<AttentionGroup>& groups);

/// The remarks that occur: what to know when reading the numbers of these layers.
[[nodiscard]] std::vector<AttentionGroup> remarks_on(const std::vector<LayerRow>& layers);

}  // namespace wishart::analysis
