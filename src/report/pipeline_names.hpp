#pragma once

/// @file
/// Internal: names of layers as other programs take them.

#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::report {

/// True if the layer is a matrix that a module of the model holds by itself, not a part of a
/// stacked or fused tensor, and not a convolution.
[[nodiscard]] bool is_whole_matrix(const LayerRow& layer);

/// The tensor's name without a final `.weight`: the name of the module.
[[nodiscard]] std::string module_of(const LayerRow& layer);

/// What comes behind the first number in a module's name: `mlp.up_proj` of
/// `model.layers.3.mlp.up_proj`. The whole name if there is no number.
[[nodiscard]] std::string type_of(std::string_view module);

/// `name` with a backslash before each character that means something in a regular expression
/// other than a dot: axolotl escapes dots itself, and PEFT looks a name up as it is if no pattern
/// matches.
[[nodiscard]] std::string escaped_but_dots(std::string_view name);

/// True if another name of `sorted` begins with `name` and goes on with something else than a dot:
/// as a pattern that is matched from the beginning, `name` means that one too.
[[nodiscard]] bool begins_another(std::string_view name, const std::vector<std::string>& sorted);

/// A text as YAML: plain if nothing in it means something, otherwise in double quotes.
[[nodiscard]] std::string yaml_text(std::string_view text);

/// A number that YAML 1.1 takes for a floating-point one: with a dot. @pre finite
[[nodiscard]] std::string yaml_number(double value);

}  // namespace wishart::report
