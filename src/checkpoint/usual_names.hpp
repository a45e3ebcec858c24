#pragma once

/// @file
/// Names of tensors as the hub's checkpoints of the family have them.

#include <string>
#include <string_view>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Families whose experts are `block_sparse_moe.experts.3.w1`, `w3`, `w2`: gate, up, down.
[[nodiscard]] bool has_block_sparse_moe(std::string_view type);

/// The name in the hub's checkpoints for that in others of the family: `a.router.weight` for
/// unsloth's `a.router.linear.weight` of gpt-oss, `block_sparse_moe.experts.3.w1.weight` for
/// llm-compressor's `mlp.experts.3.gate_proj.weight` of Mixtral. Any other name as it is.
[[nodiscard]] std::string usual_name(const std::string& name, const ModelConfig& config);

/// Gives all tensors these names. `of_mlx`: those that mlx-lm and mlx-vlm replace are restored too.
void use_usual_names(Catalogue& catalogue, bool of_mlx);

}  // namespace wishart::checkpoint
