#pragma once

/// @file
/// The models that can be written, at full size or scaled down: names and shapes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::synth {

/// The naming scheme of a model's tensors.
enum class Family : std::uint8_t {
  llama,
  qwen2,
  mixtral,
  deepseek_v3,
  kimi_k2,  ///< DeepSeek-V3's names
  deepseek_v4,
  gpt_neox,
  gpt_oss,
};

/// The sizes of a model, named as in its config.json where possible.
struct ModelShape {
  std::string name;
  Family family = Family::llama;
  std::int64_t blocks = 0;       ///< of the whole model
  std::int64_t kept_blocks = 0;  ///< this many blocks, from the first, are written
  std::int64_t hidden = 0;
  std::int64_t mlp = 0;  ///< width of a dense MLP; 0 if all are experts
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocabulary = 0;
  bool tied = false;         ///< no `lm_head.weight`
  std::int64_t experts = 0;  ///< routed experts of a block; 0: none
  std::int64_t experts_per_token = 0;
  std::int64_t expert_mlp = 0;
  // Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434) and its blocks without experts.
  std::int64_t dense_blocks = 0;
  std::int64_t q_rank = 0;
  std::int64_t kv_rank = 0;
  std::int64_t nope_dim = 0;
  std::int64_t rope_dim = 0;
  std::int64_t value_dim = 0;
  // DeepSeek-V4 (arXiv 2606.19348): heads in groups, whose outputs go through a rank each; keys and
  // values of several tokens compressed to one; an index of these; copies of the residual stream.
  std::int64_t o_groups = 0;
  std::int64_t o_rank = 0;
  std::int64_t index_heads = 0;
  std::int64_t index_dim = 0;
  std::int64_t streams = 0;
  std::int64_t first_ratio = 0;  ///< tokens compressed to one in the first two blocks; 0: none

  /// The tensors have the names of DeepSeek-V3.
  [[nodiscard]] bool like_deepseek_v3() const noexcept {
    return family == Family::deepseek_v3 || family == Family::kimi_k2;
  }
};

/// How to make a model smaller.
struct Reduction {
  double scale = 1;  ///< factor on all widths and the vocabulary; head counts stay
  std::string scale_text = "1";
  std::optional<std::int64_t> blocks;   ///< keep only this many
  std::optional<std::int64_t> experts;  ///< keep only this many per block
};

/// All shapes, in the order in which they are listed.
[[nodiscard]] std::vector<ModelShape> model_shapes();

/// @throws Error with Blame::usage that names the nearest shape and lists all
[[nodiscard]] ModelShape shape_named(std::string_view name);

/// What a checkpoint of this shape holds, as far as it is known without one: its tensors, each
/// stored plainly with this type, those of stacks of experts as single weights. For plans.
[[nodiscard]] std::vector<Tensor> described_tensors(const ModelShape& shape, Dtype dtype);
/// What its config.json says.
[[nodiscard]] ModelConfig described_config(const ModelShape& shape);

/// The shape with its widths rounded to multiples of 8, heads to multiples of 2.
/// @throws Error with Blame::usage if a width becomes 0, or there is less than is to be kept
[[nodiscard]] ModelShape reduced(const ModelShape& shape, const Reduction& reduction);

}  // namespace wishart::synth
