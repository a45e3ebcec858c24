#pragma once

/// @file
/// Names of Megatron-Core whose last words tell more than `weight`: which expert, and which part of
/// a matrix that is stored in parts.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

}  // namespace wishart::model
