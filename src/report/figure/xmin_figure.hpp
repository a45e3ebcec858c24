#pragma once

/// @file
/// Internal: how the fit of a layer depends on xmin.

#include <cstddef>
#include <optional>
#include <span>

#include "wishart/record/rows.hpp"
#include "wishart/report/plots.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// alpha and D of every candidate for xmin, one panel above the other: xmin is where D is smallest.
/// Nothing without candidates of a positive xmin.
/// @param layer  index in the record
[[nodiscard]] std::optional<Figure> xmin_figure(const LayerRow& row, std::size_t layer,
                                                std::span<const XminCandidate> candidates);

}  // namespace wishart::report
