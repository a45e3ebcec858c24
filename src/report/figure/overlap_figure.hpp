#pragma once

/// @file
/// Internal: the figure of a comparison with a base that a scan made.

#include <vector>

#include "wishart/record/rows.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// Of a difference to a base: how far the leading singular subspaces still agree, by depth. None if
/// no layer has such a value.
[[nodiscard]] std::vector<Figure> overlap_figure(const std::vector<LayerRow>& layers);

}  // namespace wishart::report
