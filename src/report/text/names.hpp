#pragma once

/// @file
/// Internal: names of layers where there is not enough room for them.

#include <cstddef>
#include <string>

namespace wishart::report {

/// Shortens a name to at most `max` code points so that the layer can still be told from others:
/// of its parts between points, those without a digit become an ellipsis, from the first on, but
/// never the last part. `model.layers.60.mlp.experts.7.up_proj.weight` becomes
/// `….60.mlp.experts.7.up_proj.weight`. If that is not enough, the rest is cut in the middle.
[[nodiscard]] std::string shortened_name(const std::string& name, std::size_t max);

/// A key in at most `max` code points for a row of a figure, where an ellipsis would only take
/// room: words before the first number are left out, then those between numbers.
/// `model.layers.60.mlp.experts.7.down_proj.weight` is `60.mlp.experts.7.down_proj` in 26.
[[nodiscard]] std::string brief_name(const std::string& key, std::size_t max);

}  // namespace wishart::report
