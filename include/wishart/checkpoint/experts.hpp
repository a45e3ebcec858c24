#pragma once

/// @file
/// Stacks of experts, as the weights of single experts that they are.

#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// The weights in a stack of experts as transformers 5 keeps it: `experts.gate_up_proj` of
/// [experts, 2 I, H], or transposed, and `experts.down_proj` of [experts, H, I]. They are named as
/// in a checkpoint with one tensor an expert: `experts.3.gate_proj.weight` [I, H],
/// `experts.3.up_proj.weight` [I, H], `experts.3.down_proj.weight` [H, I]; for families that call
/// them so, `block_sparse_moe.experts.3.w1.weight`. Expert by expert, gate before up.
///
/// Empty for any other tensor, and if the config does not tell which axis is which.
[[nodiscard]] std::vector<Tensor> single_experts(const Tensor& stack, const ModelConfig& config);

}  // namespace wishart::checkpoint
