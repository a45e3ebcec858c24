#pragma once

/// @file
/// Internal: heat maps of the layers of a checkpoint, by role and block, and by expert and block.

#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "figure/figure.hpp"
#include "figure/measure.hpp"

namespace wishart::report {

/// A figure for each measure (group `blocks`): roles below each other, blocks side by side. A cell
/// of several layers, such as the experts of a block, has the colour of their median.
[[nodiscard]] std::vector<Figure> block_figures(const CheckpointRecord& record,
                                                const std::vector<Measure>& measures);

/// The same for the experts of a mixture (group `experts`), with the experts below each other. A
/// cell has the value that is farthest from the median of its role, because the one odd expert is
/// looked for. Empty if there are fewer than two experts.
[[nodiscard]] std::vector<Figure> expert_figures(const CheckpointRecord& record,
                                                 const std::vector<Measure>& measures);

/// More rows than this are summed up (experts), or left out (roles).
inline constexpr std::size_t kMostRows = 32;

}  // namespace wishart::report
