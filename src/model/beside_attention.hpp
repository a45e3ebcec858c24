#pragma once

/// @file
/// Internal: roles of modules beside the attention proper.

#include <string>
#include <string_view>
#include <vector>

namespace wishart::model {

/// Modules beside the attention proper that have projections of the same names: the indexer that
/// chooses keys (DeepSeek-V3.2 and V4, GLM-5), the compressor of keys and values (DeepSeek-V4), and
/// the indexer's own. Empty: none of these. Sources: DeepSeek-V3.2-Exp, inference/model.py;
/// transformers, models/deepseek_v4 (`compressor.indexer.kv_proj`); Megatron-LM,
/// experimental_attention_variant/dsa.py (`linear_wk`); llama.cpp (`indexer.attn_k`).
[[nodiscard]] std::string role_beside_attention(std::string_view leaf,
                                                const std::vector<std::string_view>& parents);

}  // namespace wishart::model
