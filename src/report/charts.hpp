#pragma once

/// @file
/// Inside of the module: the drawings of an HTML report.

#include <string>
#include <vector>

#include "wishart/analysis/history.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::report {

/// alpha of the layers by block and by role; empty if no layer has one. Beyond kMostDots layers
/// those without a warning are thinned out, evenly, and the caption says so.
[[nodiscard]] std::vector<std::string> layer_figures(const std::vector<LayerRow>& layers);

/// The metrics of a run against its steps (its tokens, where they are known), alpha and losses
/// first.
[[nodiscard]] std::vector<std::string> history_figures(const analysis::History& history);

inline constexpr std::size_t kMostDots = 4000;

}  // namespace wishart::report
