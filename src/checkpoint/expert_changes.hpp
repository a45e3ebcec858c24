#pragma once

/// @file
/// Adapters on stacks of experts, added to their base.

#include <string>
#include <string_view>
#include <unordered_set>

#include "wishart/checkpoint/catalogue.hpp"

#include "base_tensors.hpp"

namespace wishart::checkpoint {

/// Ends messages about experts that the base lacks: their number follows from r, which may be wrong
/// as well as the base.
inline constexpr std::string_view kOrCorrectRank = ", or correct r in adapter_config.json";

/// Replaces the products `stack[e]` of an adapter by the weights that they make of the base's: of
/// single experts, gate and up apart, where the family is known (experts.hpp), else of the slices
/// of the stack. The base may have stacks, or one tensor for each expert. `taken` gets the names of
/// the base's tensors that are used.
/// @throws Error with Blame::input if shapes do not agree, if only some experts of a stack are
///         changed, or if all experts are square and nothing tells their axes
void add_expert_changes(Catalogue& adapter, const Base& base,
                        std::unordered_set<std::string>& taken);

}  // namespace wishart::checkpoint
