#pragma once

/// @file
/// Internal: the figures of an HTML report.

#include <vector>

#include "wishart/analysis/history.hpp"
#include "wishart/record/rows.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// alpha of the layers by block and by role; empty if no layer has an alpha. With more than
/// kMostDots layers, only some of those without a warning are drawn, and the caption says so.
[[nodiscard]] std::vector<Figure> layer_figures(const std::vector<LayerRow>& layers);

/// The metrics of a run against tokens (or steps, if tokens are not known), alpha and losses first.
[[nodiscard]] std::vector<Figure> history_figures(const analysis::History& history);

inline constexpr std::size_t kMostDots = 4000;

}  // namespace wishart::report
