#pragma once

/// @file
/// Variants of LoRA whose factors mean something else than s B A on the weights of the base.

#include <string>
#include <string_view>

#include "text/json_facts.hpp"

namespace wishart::checkpoint {

/// @throws Error with Blame::input, beginning with `place`, if adapter_config.json tells of a base
/// whose weights were changed at the start, or of factors that are not whole matrices
void check_variant(const JsonFacts& config, const std::string& place);

/// Why the change of each matrix cannot be added to a base; empty if it can.
[[nodiscard]] std::string why_not_added(const JsonFacts& config);

/// What kind of part a tensor of an adapter is that is no factor. Parts are named `x.lora_...`.
enum class AdapterPart {
  none,       ///< a weight of its own
  bias,       ///< `lora_bias`: no matrix
  magnitude,  ///< of DoRA
  training,   ///< used in training only
  unknown
};
[[nodiscard]] AdapterPart adapter_part(std::string_view name);

}  // namespace wishart::checkpoint
