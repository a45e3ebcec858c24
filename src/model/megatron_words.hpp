#pragma once

/// @file
/// Names of Megatron-Core whose last words tell more than `weight`: which expert, and which part of
/// a matrix that is stored in parts. Names of Transformer Engine, whose modules may begin with a
/// norm.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::model {

struct MegatronWords {
  std::size_t count = 1;     ///< last words that stand for `weight`
  std::int64_t expert = -1;  ///< of `weight3`
  char part = ' ';   ///< of `weight_w` (gate) and `weight_v` (up), which `fsdp_dtensor` writes
  std::string role;  ///< of a part of a state-space mixer, `in_proj.weight.z`; or empty
};

/// What the last words of a name say; nothing if they say no more than `weight`.
/// Source: NVIDIA/Megatron-LM (d98e8a6), core/transformer/fsdp_dtensor_checkpoint.py,
/// core/ssm/mamba_mixer.py, core/ssm/gated_delta_net, core/ssm/gated_delta_product.py.
[[nodiscard]] std::optional<MegatronWords> megatron_words(std::span<const std::string_view> words);

/// The words of a name without the norms with which Transformer Engine begins its modules:
/// `layernorm_qkv.weight` is the weight of `qkv`, `layernorm_mlp.fc1_weight` that of `mlp.fc1`. The
/// norm itself, `layernorm_qkv.layer_norm_weight`, is told by its last word.
/// Source: NVIDIA/TransformerEngine (d0067d0), pytorch/module/layernorm_linear.py,
/// layernorm_mlp.py, pytorch/attention/multi_head_attention.py.
[[nodiscard]] std::vector<std::string_view> without_fused_norms(std::vector<std::string_view> words,
                                                                std::span<const std::int64_t> shape,
                                                                const ModelConfig& config);

}  // namespace wishart::model
