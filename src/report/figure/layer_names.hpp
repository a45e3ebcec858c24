#pragma once

/// @file
/// Internal: names of layers where there is little room.

#include <cstddef>
#include <string>

namespace wishart::report {

/// A key in at most `max` code points that still tells block and expert: words before the first
/// number are left out, then those between numbers.
/// `model.layers.60.mlp.experts.7.down_proj.weight` is `60.mlp.experts.7.down_proj` in 26.
[[nodiscard]] std::string brief_name(const std::string& key, std::size_t max);

}  // namespace wishart::report
