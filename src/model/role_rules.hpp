#pragma once

/// @file
/// Roles by the names of tensors and of the modules around them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/model/naming.hpp"

namespace wishart::model {

/// Where in a block a tensor is, judged by the name components before its own name.
/// `not_attention` and `root` are for rules only.
enum class Inside : std::uint8_t { anywhere, attention, not_attention, mlp, ssm, root };

/// True for words such as `layers`, behind which the number of a block stands.
[[nodiscard]] bool holds_blocks(std::string_view word);

/// The place by the last of `parents` that tells one; never `not_attention` or `root`.
[[nodiscard]] Inside place(const std::vector<std::string_view>& parents);

/// The role that the first rule gives, for a tensor called `leaf` below `parents`; `other` if there
/// is none. `naming` tells the block, and whether it is of a module for prediction.
[[nodiscard]] std::string role_by_rules(std::string_view leaf,
                                        const std::vector<std::string_view>& parents,
                                        const Naming& naming, const ModelConfig& config);

}  // namespace wishart::model
