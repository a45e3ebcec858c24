#pragma once

/// @file
/// Internal: the order of layers in long tables.

#include <cstddef>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::report {

/// Indices of all layers: those that need attention, the gravest warning first and the worst of
/// each first; then those with a remark; then the others in natural order of their names.
[[nodiscard]] std::vector<std::size_t> worst_first(const std::vector<LayerRow>& layers);

}  // namespace wishart::report
