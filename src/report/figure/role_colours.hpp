#pragma once

/// @file
/// A colour for each role in a figure by depth, and the legend that tells them.

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "figure/figure.hpp"

namespace wishart::report {

using RoleColours = std::map<std::string, std::size_t>;

/// In the order of their names. Those beyond the last colour share it.
[[nodiscard]] RoleColours colours_of(const std::set<std::string>& roles);

[[nodiscard]] std::vector<LegendEntry> legend_of(const RoleColours& colours);

/// Where a dot of this colour stands within its block, from its middle: roles stand beside each
/// other, so that none hides another.
[[nodiscard]] double place_in_block(std::size_t colour, const RoleColours& colours);

}  // namespace wishart::report
