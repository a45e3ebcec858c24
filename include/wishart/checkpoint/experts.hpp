#pragma once

/// @file
/// Stacks of experts, as the weights of single experts that they are.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// The weights in a stack of experts as transformers 5 keeps it: `experts.gate_up_proj` of
/// [experts, 2 I, H], or transposed, and `experts.down_proj` of [experts, H, I]. They are named as
/// in a checkpoint with one tensor an expert: `experts.3.gate_proj.weight` [I, H],
/// `experts.3.up_proj.weight` [I, H], `experts.3.down_proj.weight` [H, I]; for families that call
/// them so, `block_sparse_moe.experts.3.w1.weight`. Expert by expert, gate before up.
///
/// unsloth's `experts.gate_up_projs.3` of gpt-oss is taken apart in the same way.
/// Stacks of gates alone, or of up alone where experts have no gate, are taken apart likewise, and
/// so are MLX's: `switch_mlp.gate_proj.weight` [experts, I, H].
///
/// Empty for any other tensor, and if the config does not tell which axis is which.
[[nodiscard]] std::vector<Tensor> single_experts(const Tensor& stack, const ModelConfig& config);

/// What is known of a stack of experts.
enum class StackReading : std::uint8_t {
  no_stack,       ///< the tensor is none
  not_known,      ///< which axis is which is not known: it is analysed as it is stored
  by_convention,  ///< the family is not known: taken as transformers makes stacks by default
  known,          ///< the family is known
};
[[nodiscard]] StackReading reading_of(const Tensor& tensor, const ModelConfig& config);

/// True if two stacks of one name and shape may have their axes in different orders: they are
/// square, and known to, or stored in two ways of which one is not known.
[[nodiscard]] bool may_lie_otherwise(const Tensor& a, const ModelConfig& of_a, const Tensor& b,
                                     const ModelConfig& of_b);

/// A warning if some of them are read `by_convention`; else empty.
[[nodiscard]] std::string doubt_on_experts(const std::vector<Tensor>& tensors,
                                           const ModelConfig& config);

/// For sentences about a stack of which `reading_of` is `not_known`, with its name.
[[nodiscard]] std::string why_not_single(const Tensor& stack, const ModelConfig& config);

/// How names of the weights of single experts of this stack begin, before the number: `experts.`
/// and what is before it. Empty for any other tensor.
[[nodiscard]] std::string experts_in(const Tensor& stack);

/// The same of the weight of a single expert: `a.experts.` of `a.experts.3.up_proj.weight`. Empty
/// for any other name.
[[nodiscard]] std::string_view experts_of(std::string_view name);

}  // namespace wishart::checkpoint
