#include "tensor_spec.hpp"

#include <algorithm>
#include <cmath>

namespace wishart::synth {
namespace {

/// The root mean square of the elements of most matrices of a trained transformer, and the initial
/// one in GPT-2.
constexpr double kRms = 0.02;
/// Norms and routing corrections are small and may keep full precision.
constexpr Dtype kCorrectionDtype = Dtype::f32;
/// DeepSeek-V4: tokens compressed to one, with an index of them and without.
constexpr std::int64_t kIndexedRatio = 4;
constexpr std::int64_t kLongRatio = 128;
/// Its first blocks route tokens by a table.
constexpr std::int64_t kTableRouted = 3;

class Builder {
public:
  Builder(const ModelShape& shape, Dtype dtype) : s_(shape), dtype_(dtype) {}

  [[nodiscard]] std::vector<TensorSpec> build() {
    const bool neox = s_.family == Family::gpt_neox;
    if (s_.family == Family::deepseek_v4) return deepseek_v4();
    matrix(neox ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight", s_.vocabulary,
           s_.hidden);
    for (block_ = 0; block_ < s_.kept_blocks; ++block_) {
      prefix_ = (neox ? "gpt_neox.layers." : "model.layers.") + std::to_string(block_) + ".";
      neox ? neox_block() : llama_block();
    }
    block_ = -1;
    prefix_.clear();
    if (neox) {
      norm_with_bias("gpt_neox.final_layer_norm");
      matrix("embed_out.weight", s_.vocabulary, s_.hidden);
    } else {
      ones("model.norm.weight", s_.hidden);
      if (!s_.tied) matrix("lm_head.weight", s_.vocabulary, s_.hidden);
    }
    return std::move(tensors_);
  }

private:
  TensorSpec& add(const std::string& name, std::vector<std::int64_t> shape,
                  TensorSpec::Content content) {
    TensorSpec& tensor = tensors_.emplace_back();
    tensor.name = prefix_ + name;
    tensor.shape = std::move(shape);
    tensor.content = content;
    tensor.dtype = dtype_;
    tensor.block = block_;
    tensor.rms = kRms;
    return tensor;
  }
  void matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
    add(name, {rows, cols}, TensorSpec::Content::matrices);
  }
  /// A matrix that writes into the residual stream has smaller elements, as in GPT-2's
  /// initialisation.
  void residual(const std::string& name, std::int64_t rows, std::int64_t cols) {
    add(name, {rows, cols}, TensorSpec::Content::matrices).rms = residual_rms();
  }
  [[nodiscard]] double residual_rms() const {
    return kRms / std::sqrt(2 * static_cast<double>(s_.blocks));
  }
  void ones(const std::string& name, std::int64_t size) {
    add(name, {size}, TensorSpec::Content::ones);
  }
  void zeros(const std::string& name, std::vector<std::int64_t> shape) {
    add(name, std::move(shape), TensorSpec::Content::zeros);
  }
  void correction(const std::string& name, std::int64_t size) {
    zeros(name, {size});
    tensors_.back().dtype = kCorrectionDtype;
  }
  void norm_with_bias(const std::string& name) {
    ones(name + ".weight", s_.hidden);
    zeros(name + ".bias", {s_.hidden});
  }

  void llama_block() {
    ones("input_layernorm.weight", s_.hidden);
    s_.like_deepseek_v3() ? latent_attention() : attention();
    ones("post_attention_layernorm.weight", s_.hidden);
    switch (s_.family) {
      case Family::mixtral:
        return mixtral_experts();
      case Family::gpt_oss:
        return stacked_experts();
      case Family::deepseek_v3:
      case Family::kimi_k2:
        return block_ < s_.dense_blocks ? mlp("mlp.", s_.mlp) : deepseek_experts();
      case Family::llama:
      case Family::qwen2:
      case Family::gpt_neox:
      case Family::deepseek_v4:
        return mlp("mlp.", s_.mlp);
    }
  }

  void attention() {
    const std::int64_t q = s_.heads * s_.head_dim;
    const std::int64_t kv = s_.kv_heads * s_.head_dim;
    matrix("self_attn.q_proj.weight", q, s_.hidden);
    matrix("self_attn.k_proj.weight", kv, s_.hidden);
    matrix("self_attn.v_proj.weight", kv, s_.hidden);
    residual("self_attn.o_proj.weight", s_.hidden, q);
    if (s_.family == Family::qwen2 || s_.family == Family::gpt_oss) {
      zeros("self_attn.q_proj.bias", {q});
      zeros("self_attn.k_proj.bias", {kv});
      zeros("self_attn.v_proj.bias", {kv});
    }
    if (s_.family == Family::gpt_oss) {
      zeros("self_attn.o_proj.bias", {s_.hidden});
      zeros("self_attn.sinks", {s_.heads});
    }
  }

  void latent_attention() {
    matrix("self_attn.q_a_proj.weight", s_.q_rank, s_.hidden);
    ones("self_attn.q_a_layernorm.weight", s_.q_rank);
    matrix("self_attn.q_b_proj.weight", s_.heads * (s_.nope_dim + s_.rope_dim), s_.q_rank);
    matrix("self_attn.kv_a_proj_with_mqa.weight", s_.kv_rank + s_.rope_dim, s_.hidden);
    ones("self_attn.kv_a_layernorm.weight", s_.kv_rank);
    matrix("self_attn.kv_b_proj.weight", s_.heads * (s_.nope_dim + s_.value_dim), s_.kv_rank);
    residual("self_attn.o_proj.weight", s_.hidden, s_.heads * s_.value_dim);
  }

  void mlp(const std::string& place, std::int64_t width) {
    matrix(place + "gate_proj.weight", width, s_.hidden);
    matrix(place + "up_proj.weight", width, s_.hidden);
    residual(place + "down_proj.weight", s_.hidden, width);
  }

  void mixtral_experts() {
    matrix("block_sparse_moe.gate.weight", s_.experts, s_.hidden);
    for (std::int64_t e = 0; e < s_.experts; ++e) {
      const std::string place = "block_sparse_moe.experts." + std::to_string(e) + ".";
      matrix(place + "w1.weight", s_.expert_mlp, s_.hidden);
      residual(place + "w2.weight", s_.hidden, s_.expert_mlp);
      matrix(place + "w3.weight", s_.expert_mlp, s_.hidden);
    }
  }

  void deepseek_experts() {
    matrix("mlp.gate.weight", s_.experts, s_.hidden);
    correction("mlp.gate.e_score_correction_bias", s_.experts);
    for (std::int64_t e = 0; e < s_.experts; ++e) {
      mlp("mlp.experts." + std::to_string(e) + ".", s_.expert_mlp);
    }
    mlp("mlp.shared_experts.", s_.expert_mlp);
  }

  /// DeepSeek-V4 without its module for the prediction of several tokens, and without the integer
  /// tables that route the tokens of the first blocks.
  [[nodiscard]] std::vector<TensorSpec> deepseek_v4() {
    matrix("embed.weight", s_.vocabulary, s_.hidden);
    for (block_ = 0; block_ < s_.kept_blocks; ++block_) {
      prefix_ = "layers." + std::to_string(block_) + ".";
      ones("attn_norm.weight", s_.hidden);
      grouped_attention();
      ones("ffn_norm.weight", s_.hidden);
      matrix("ffn.gate.weight", s_.experts, s_.hidden);
      if (block_ >= kTableRouted) correction("ffn.gate.bias", s_.experts);
      for (std::int64_t e = 0; e < s_.experts; ++e) {
        mlp_of_words("ffn.experts." + std::to_string(e) + ".");
      }
      mlp_of_words("ffn.shared_experts.");
      mixing("hc_attn");
      mixing("hc_ffn");
    }
    block_ = -1;
    prefix_.clear();
    ones("norm.weight", s_.hidden);
    matrix("head.weight", s_.vocabulary, s_.hidden);
    add("hc_head_fn", {s_.streams, s_.streams * s_.hidden}, TensorSpec::Content::matrices).dtype =
        kCorrectionDtype;
    correction("hc_head_base", s_.streams);
    correction("hc_head_scale", 1);
    return std::move(tensors_);
  }

  /// Tokens whose keys and values are compressed to one: 4 and 128 by turns after the first two.
  [[nodiscard]] std::int64_t ratio() const {
    if (block_ < 2) return s_.first_ratio;
    return block_ % 2 == 0 ? kIndexedRatio : kLongRatio;
  }

  void grouped_attention() {
    const std::int64_t group = s_.heads / s_.o_groups * s_.head_dim;
    matrix("attn.wq_a.weight", s_.q_rank, s_.hidden);
    ones("attn.q_norm.weight", s_.q_rank);
    matrix("attn.wq_b.weight", s_.heads * s_.head_dim, s_.q_rank);
    matrix("attn.wkv.weight", s_.head_dim, s_.hidden);
    ones("attn.kv_norm.weight", s_.head_dim);
    matrix("attn.wo_a.weight", s_.o_groups * s_.o_rank, group);
    residual("attn.wo_b.weight", s_.hidden, s_.o_groups * s_.o_rank);
    correction("attn.attn_sink", s_.heads);
    if (ratio() == 0) return;
    compressor("attn.compressor.", s_.head_dim);
    if (ratio() != kIndexedRatio) return;
    matrix("attn.indexer.wq_b.weight", s_.index_heads * s_.index_dim, s_.q_rank);
    matrix("attn.indexer.weights_proj.weight", s_.index_heads, s_.hidden);
    compressor("attn.indexer.compressor.", s_.index_dim);
  }

  /// Windows of the shorter ratio overlap, so that there are two of each.
  void compressor(const std::string& place, std::int64_t width) {
    const std::int64_t wide = (ratio() == kIndexedRatio ? 2 : 1) * width;
    matrix(place + "wkv.weight", wide, s_.hidden);
    matrix(place + "wgate.weight", wide, s_.hidden);
    ones(place + "norm.weight", width);
    add(place + "ape", {ratio(), wide}, TensorSpec::Content::matrices).dtype = kCorrectionDtype;
  }

  void mlp_of_words(const std::string& place) {
    matrix(place + "w1.weight", s_.expert_mlp, s_.hidden);
    residual(place + "w2.weight", s_.hidden, s_.expert_mlp);
    matrix(place + "w3.weight", s_.expert_mlp, s_.hidden);
  }

  /// How the copies of the residual stream are mixed: before, after, and among each other.
  void mixing(const std::string& name) {
    const std::int64_t mixes = (2 + s_.streams) * s_.streams;
    add(name + "_fn", {mixes, s_.streams * s_.hidden}, TensorSpec::Content::matrices).dtype =
        kCorrectionDtype;
    correction(name + "_base", mixes);
    correction(name + "_scale", 3);
  }

  /// gpt-oss stores [expert, in, out], gate and up columns alternating.
  void stacked_experts() {
    const std::int64_t e = s_.experts;
    matrix("mlp.router.weight", e, s_.hidden);
    zeros("mlp.router.bias", {e});
    add("mlp.experts.gate_up_proj", {e, s_.hidden, 2 * s_.expert_mlp},
        TensorSpec::Content::matrices)
        .parts = {"gate_proj", "up_proj"};
    zeros("mlp.experts.gate_up_proj_bias", {e, 2 * s_.expert_mlp});
    TensorSpec& down =
        add("mlp.experts.down_proj", {e, s_.expert_mlp, s_.hidden}, TensorSpec::Content::matrices);
    down.rms = residual_rms();
    down.parts = {"down_proj"};
    zeros("mlp.experts.down_proj_bias", {e, s_.hidden});
  }

  void neox_block() {
    norm_with_bias("input_layernorm");
    norm_with_bias("post_attention_layernorm");
    matrix("attention.query_key_value.weight", 3 * s_.hidden, s_.hidden);
    zeros("attention.query_key_value.bias", {3 * s_.hidden});
    residual("attention.dense.weight", s_.hidden, s_.hidden);
    zeros("attention.dense.bias", {s_.hidden});
    matrix("mlp.dense_h_to_4h.weight", s_.mlp, s_.hidden);
    zeros("mlp.dense_h_to_4h.bias", {s_.mlp});
    residual("mlp.dense_4h_to_h.weight", s_.hidden, s_.mlp);
    zeros("mlp.dense_4h_to_h.bias", {s_.hidden});
  }

  const ModelShape& s_;
  Dtype dtype_;
  std::string prefix_;
  std::int64_t block_ = -1;
  std::vector<TensorSpec> tensors_;
};

/// Gives `flaw` to the first matrix of `block` whose name ends with one of `endings`.
void plant_flaw(std::vector<TensorSpec>& tensors, std::int64_t block,
                const std::vector<std::string>& endings, Flaw flaw) {
  for (TensorSpec& tensor : tensors) {
    const bool named = std::any_of(endings.begin(), endings.end(), [&](const std::string& ending) {
      return tensor.name.ends_with(ending);
    });
    if (tensor.block != block || !named || tensor.flaw != Flaw::none) continue;
    tensor.flaw = flaw;
    return;
  }
}

}  // namespace

std::int64_t TensorSpec::num_elements() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::int64_t TensorSpec::num_bytes() const { return num_elements() * dtype_bits(dtype) / 8; }

std::int64_t TensorSpec::num_matrices() const {
  return content == Content::matrices ? num_slices() * num_parts() : 0;
}

std::int64_t TensorSpec::num_parts() const {
  return parts.empty() ? 1 : static_cast<std::int64_t>(parts.size());
}

std::int64_t TensorSpec::active_rows() const {
  if (flaw != Flaw::low_rank) return rows();
  return std::max<std::int64_t>(1, std::min(rows(), cols()) / 4);
}

std::string TensorSpec::key(std::int64_t slice, std::int64_t part) const {
  if (parts.empty()) return shape.size() == 3 ? name + "[" + std::to_string(slice) + "]" : name;
  return name.substr(0, name.rfind('.') + 1) + std::to_string(slice) + "." +
         parts[static_cast<std::size_t>(part)] + ".weight";
}

std::vector<TensorSpec> tensors_of(const ModelShape& shape, Dtype dtype, bool flaws) {
  std::vector<TensorSpec> tensors = Builder(shape, dtype).build();
  if (flaws) {
    const std::int64_t last = shape.kept_blocks - 1;
    const std::vector<std::string> up{"up_proj.weight", "w3.weight", "dense_h_to_4h.weight",
                                      "experts.gate_up_proj"};
    plant_flaw(tensors, 0,
               {"q_proj.weight", "q_b_proj.weight", "attn.wq_b.weight", "query_key_value.weight"},
               Flaw::heavy_tail);
    plant_flaw(tensors, last, up, Flaw::no_tail);
    plant_flaw(tensors, last,
               {"down_proj.weight", "w2.weight", "dense_4h_to_h.weight", "experts.down_proj"},
               Flaw::low_rank);
  }
  return tensors;
}

std::vector<Tensor> described_tensors(const ModelShape& shape, Dtype dtype) {
  std::vector<Tensor> tensors;
  const auto add = [&](std::string name, Dtype type, std::vector<std::int64_t> extents) {
    Tensor& tensor = tensors.emplace_back();
    tensor.name = std::move(name);
    tensor.dtype = type;
    tensor.shape = std::move(extents);
    tensor.num_elements = 1;
    for (const std::int64_t extent : tensor.shape) tensor.num_elements *= extent;
    tensor.size_bytes = tensor.num_elements * dtype_bits(type) / 8;
  };
  for (const TensorSpec& spec : tensors_of(shape, dtype, false)) {
    if (spec.parts.empty()) {
      add(spec.name, spec.dtype, spec.shape);
      continue;
    }
    for (std::int64_t slice = 0; slice < spec.num_slices(); ++slice) {
      for (std::int64_t part = 0; part < spec.num_parts(); ++part) {
        // A single weight is stored as [out, in].
        add(spec.key(slice, part), spec.dtype, {spec.cols(), spec.rows()});
      }
    }
  }
  return tensors;
}

}  // namespace wishart::synth
