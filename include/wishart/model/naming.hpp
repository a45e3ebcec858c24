#pragma once

/// @file
/// What a tensor's name says about its role and its place in the network. docs/roles.md has the
/// rules.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wishart/record/tensor.hpp"

namespace wishart::model {

/// What was read from a tensor's name.
struct Naming {
  std::string role = "other";
  std::string stack;            ///< the name before the block index: `model`, `encoder`, `visual`
  std::int64_t block = -1;      ///< -1: none
  std::int64_t expert = -1;     ///< -1: none in the name
  bool routed_experts = false;  ///< the tensor belongs to routed experts, one or a stack of them
  bool normalization = false;   ///< a norm's scale
  bool not_a_map = false;       ///< masks, rotary frequencies, framework state
  bool bias = false;
  bool prediction = false;  ///< of a module for multi-token prediction, by a word of its name
};

/// Reads `name`; shape and config decide where a name alone is ambiguous.
[[nodiscard]] Naming naming_of(std::string_view name, std::span<const std::int64_t> shape,
                               const ModelConfig& config);

}  // namespace wishart::model
