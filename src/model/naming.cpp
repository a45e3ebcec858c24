#include "wishart/model/naming.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "wishart/core/text.hpp"

#include "beside_attention.hpp"
#include "megatron_words.hpp"

namespace wishart::model {
namespace {

using Words = std::vector<std::string_view>;
/// Where in a block a tensor is, judged by the name components before its own name.
enum class Inside : std::uint8_t { anywhere, attention, mlp, ssm, root };

/// A tensor with this name, in this place, has this role. The first match wins.
struct Rule {
  std::string_view leaf;
  Inside inside;
  std::string_view role;
};

/// Names as in the modelling code of the families in docs/roles.md.
constexpr std::array kRules{
    Rule{"in_proj", Inside::ssm, "ssm.in_proj"},
    Rule{"x_proj", Inside::ssm, "ssm.x_proj"},
    Rule{"dt_proj", Inside::ssm, "ssm.dt_proj"},
    Rule{"out_proj", Inside::ssm, "ssm.out_proj"},
    Rule{"conv1d", Inside::ssm, "ssm.conv1d"},
    Rule{"in_proj_qkvz", Inside::ssm, "ssm.in_proj_qkvz"},
    Rule{"in_proj_ba", Inside::ssm, "ssm.in_proj_ba"},
    Rule{"in_proj_qkv", Inside::ssm, "ssm.in_proj_qkv"},
    Rule{"in_proj_z", Inside::ssm, "ssm.in_proj_z"},
    Rule{"in_proj_a", Inside::ssm, "ssm.in_proj_a"},
    Rule{"in_proj_b", Inside::ssm, "ssm.in_proj_b"},
    Rule{"ssm_in", Inside::anywhere, "ssm.in_proj"},
    Rule{"ssm_out", Inside::anywhere, "ssm.out_proj"},
    Rule{"embed_tokens", Inside::anywhere, "embedding.token"},
    Rule{"wte", Inside::anywhere, "embedding.token"},
    Rule{"word_embeddings", Inside::anywhere, "embedding.token"},
    Rule{"tok_embeddings", Inside::anywhere, "embedding.token"},
    Rule{"embed_in", Inside::anywhere, "embedding.token"},
    Rule{"token_embedding", Inside::anywhere, "embedding.token"},
    Rule{"token_embd", Inside::anywhere, "embedding.token"},
    Rule{"tok_emb", Inside::anywhere, "embedding.token"},
    Rule{"shared", Inside::root, "embedding.token"},
    Rule{"embed", Inside::root, "embedding.token"},
    Rule{"embedder", Inside::anywhere, "embedding.token"},
    Rule{"embedding", Inside::anywhere, "embedding.token"},
    Rule{"embeddings", Inside::anywhere, "embedding.token"},
    Rule{"wpe", Inside::anywhere, "embedding.position"},
    Rule{"embed_positions", Inside::anywhere, "embedding.position"},
    Rule{"position_embeddings", Inside::anywhere, "embedding.position"},
    Rule{"position_embedding", Inside::anywhere, "embedding.position"},
    Rule{"positional_embedding", Inside::anywhere, "embedding.position"},
    Rule{"pos_embed", Inside::anywhere, "embedding.position"},
    Rule{"relative_attention_bias", Inside::anywhere, "embedding.position"},
    Rule{"token_type_embeddings", Inside::anywhere, "embedding.type"},
    Rule{"lm_head", Inside::anywhere, "head"},
    Rule{"embed_out", Inside::anywhere, "head"},
    Rule{"output_layer", Inside::anywhere, "head"},
    Rule{"final_linear", Inside::anywhere, "head"},
    Rule{"ff_out", Inside::root, "head"},
    Rule{"output", Inside::root, "head"},
    Rule{"score", Inside::root, "head"},
    Rule{"classifier", Inside::root, "head"},
    Rule{"linear", Inside::root, "head"},
    Rule{"fc", Inside::root, "head"},
    Rule{"head", Inside::anywhere, "head"},
    Rule{"shared_head_head", Inside::anywhere, "head"},
    Rule{"q_a_proj", Inside::anywhere, "attention.q_a"},
    Rule{"q_b_proj", Inside::anywhere, "attention.q_b"},
    Rule{"wq_a", Inside::anywhere, "attention.q_a"},
    Rule{"wq_b", Inside::anywhere, "attention.q_b"},
    Rule{"wkv", Inside::anywhere, "attention.kv"},
    Rule{"wkv_a", Inside::anywhere, "attention.kv_a"},
    Rule{"wkv_b", Inside::anywhere, "attention.kv_b"},
    Rule{"wo_a", Inside::anywhere, "attention.o_a"},
    Rule{"wo_b", Inside::anywhere, "attention.o_b"},
    Rule{"kv_a_proj_with_mqa", Inside::anywhere, "attention.kv_a"},
    Rule{"kv_b_proj", Inside::anywhere, "attention.kv_b"},
    Rule{"attn_q_a", Inside::anywhere, "attention.q_a"},
    Rule{"attn_q_b", Inside::anywhere, "attention.q_b"},
    Rule{"attn_kv_a_mqa", Inside::anywhere, "attention.kv_a"},
    Rule{"attn_kv_b", Inside::anywhere, "attention.kv_b"},
    Rule{"linear_q_down_proj", Inside::anywhere, "attention.q_a"},
    Rule{"linear_q_up_proj", Inside::anywhere, "attention.q_b"},
    Rule{"linear_kv_down_proj", Inside::anywhere, "attention.kv_a"},
    Rule{"linear_kv_up_proj", Inside::anywhere, "attention.kv_b"},
    Rule{"q_proj", Inside::anywhere, "attention.q"},
    Rule{"wq", Inside::anywhere, "attention.q"},
    Rule{"query", Inside::anywhere, "attention.q"},
    Rule{"attn_q", Inside::anywhere, "attention.q"},
    Rule{"q", Inside::anywhere, "attention.q"},
    Rule{"to_q", Inside::anywhere, "attention.q"},
    Rule{"k_proj", Inside::anywhere, "attention.k"},
    Rule{"wk", Inside::anywhere, "attention.k"},
    Rule{"key", Inside::anywhere, "attention.k"},
    Rule{"attn_k", Inside::anywhere, "attention.k"},
    Rule{"k", Inside::anywhere, "attention.k"},
    Rule{"to_k", Inside::anywhere, "attention.k"},
    Rule{"v_proj", Inside::anywhere, "attention.v"},
    Rule{"wv", Inside::anywhere, "attention.v"},
    Rule{"value", Inside::anywhere, "attention.v"},
    Rule{"attn_v", Inside::anywhere, "attention.v"},
    Rule{"v", Inside::anywhere, "attention.v"},
    Rule{"to_v", Inside::anywhere, "attention.v"},
    Rule{"c_attn", Inside::anywhere, "attention.qkv"},
    Rule{"query_key_value", Inside::anywhere, "attention.qkv"},
    Rule{"qkv_proj", Inside::anywhere, "attention.qkv"},
    Rule{"Wqkv", Inside::anywhere, "attention.qkv"},
    Rule{"wqkv", Inside::anywhere, "attention.qkv"},
    Rule{"qkv", Inside::anywhere, "attention.qkv"},
    Rule{"att_proj", Inside::anywhere, "attention.qkv"},
    Rule{"W_pack", Inside::anywhere, "attention.qkv"},
    Rule{"in_proj_weight", Inside::anywhere, "attention.qkv"},
    Rule{"linear_qkv", Inside::anywhere, "attention.qkv"},
    Rule{"attn_qkv", Inside::anywhere, "attention.qkv"},
    Rule{"o_proj", Inside::anywhere, "attention.o"},
    Rule{"attn_out", Inside::anywhere, "attention.o"},
    Rule{"attn_output", Inside::anywhere, "attention.o"},
    Rule{"linear_proj", Inside::anywhere, "attention.o"},
    Rule{"out_proj", Inside::attention, "attention.o"},
    Rule{"c_proj", Inside::attention, "attention.o"},
    Rule{"dense", Inside::attention, "attention.o"},
    Rule{"wo", Inside::attention, "attention.o"},
    Rule{"o", Inside::attention, "attention.o"},
    Rule{"proj", Inside::attention, "attention.o"},
    Rule{"gate_up_proj", Inside::anywhere, "mlp.gate_up"},
    Rule{"ffn_gate_up_exps", Inside::anywhere, "mlp.gate_up"},
    Rule{"ff_proj", Inside::anywhere, "mlp.gate_up"},
    Rule{"gate_proj", Inside::anywhere, "mlp.gate"},
    Rule{"w1", Inside::anywhere, "mlp.gate"},
    Rule{"ffn_gate", Inside::anywhere, "mlp.gate"},
    Rule{"wi_0", Inside::anywhere, "mlp.gate"},
    Rule{"ffn_gate_exps", Inside::anywhere, "mlp.gate"},
    Rule{"up_proj", Inside::anywhere, "mlp.up"},
    Rule{"w3", Inside::anywhere, "mlp.up"},
    Rule{"v1", Inside::anywhere, "mlp.up"},
    Rule{"ffn_up", Inside::anywhere, "mlp.up"},
    Rule{"ffn_up_exps", Inside::anywhere, "mlp.up"},
    Rule{"c_fc", Inside::anywhere, "mlp.up"},
    Rule{"fc1", Inside::anywhere, "mlp.up"},
    Rule{"fc_in", Inside::anywhere, "mlp.up"},
    Rule{"dense_h_to_4h", Inside::anywhere, "mlp.up"},
    Rule{"linear_fc1", Inside::anywhere, "mlp.up"},
    Rule{"wi", Inside::anywhere, "mlp.up"},
    Rule{"wi_1", Inside::anywhere, "mlp.up"},
    Rule{"down_proj", Inside::anywhere, "mlp.down"},
    Rule{"w2", Inside::anywhere, "mlp.down"},
    Rule{"ffn_down", Inside::anywhere, "mlp.down"},
    Rule{"ffn_down_exps", Inside::anywhere, "mlp.down"},
    Rule{"fc2", Inside::anywhere, "mlp.down"},
    Rule{"fc_out", Inside::anywhere, "mlp.down"},
    Rule{"dense_4h_to_h", Inside::anywhere, "mlp.down"},
    Rule{"linear_fc2", Inside::anywhere, "mlp.down"},
    Rule{"c_proj", Inside::mlp, "mlp.down"},
    Rule{"wo", Inside::mlp, "mlp.down"},
    Rule{"wo", Inside::anywhere, "attention.o"},
    Rule{"ff_out", Inside::anywhere, "mlp.down"},
    Rule{"ffn_gate_shexp", Inside::anywhere, "shared_expert.gate"},
    Rule{"ffn_up_shexp", Inside::anywhere, "shared_expert.up"},
    Rule{"ffn_down_shexp", Inside::anywhere, "shared_expert.down"},
    Rule{"ffn_gate_inp", Inside::anywhere, "router"},
    Rule{"router", Inside::anywhere, "router"},
    Rule{"wg", Inside::anywhere, "router"},
    Rule{"gate", Inside::anywhere, "router"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<std::int64_t> integer(std::string_view word) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (status != std::errc{} || end != word.data() + word.size() || value < 0) return std::nullopt;
  return value;
}

Words components(std::string_view name) {
  // Remove names that wrappers put around the modules of a model.
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (const std::string_view prefix :
         {std::string_view("module."), std::string_view("_forward_module."),
          std::string_view("base_model.model.")}) {
      if (name.starts_with(prefix) && name.size() > prefix.size()) {
        name.remove_prefix(prefix.size());
        stripped = true;
      }
    }
  }
  Words words;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view word = name.substr(begin, end - begin);
    if (!is_one_of(word, {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
                          "base_layer", "MatMul", "Gemm"})) {
      words.push_back(word);
    }
    begin = end + 1;
  }
  if (words.empty()) words.push_back(name);  // nothing but wrappers: then that is its name
  return words;
}

std::string joined(const Words& words, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += '.';
    text += words[i];
  }
  return text;
}

/// `layer1` of a ResNet: the number of the stage is part of the word.
bool is_numbered_stage(std::string_view word) {
  return word.starts_with("layer") && word.size() > 5 && integer(word.substr(5)).has_value();
}

void find_block(const Words& words, Naming& naming) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto index = integer(words[i + 1]);
    if (!index) continue;
    const bool container = is_one_of(
        words[i], {"layers", "h", "blocks", "block", "blk", "layer", "resblocks", "resnets"});
    // DeepSeek-V4 and Hunyuan V4 number their modules for multi-token prediction apart from layers.
    const bool apart = is_one_of(words[i], {"mtp", "mtp_layers"}) || is_numbered_stage(words[i]);
    if (!container && !apart) continue;
    naming.block = *index;
    naming.stack = joined(words, container ? i : i + 1);
    return;
  }
}

void find_expert(const Words& words, Naming& naming) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].ends_with("_exps") || words[i] == "switch_mlp") naming.routed_experts = true;
    if (!is_one_of(words[i], {"experts", "local_experts"})) continue;
    naming.routed_experts = true;
    if (i + 1 < words.size()) naming.expert = integer(words[i + 1]).value_or(-1);
    if (naming.expert >= 0) return;  // Megatron: experts.local_experts.3
  }
}

/// DeepSpeed's AutoEP (engine.py, _save_moe_checkpoint): `experts.w1.3` is w1 of expert 3. Removes
/// the number.
std::optional<std::int64_t> take_autoep_expert(Words& words) {
  if (words.size() < 3 || words[words.size() - 3] != "experts" ||
      !is_one_of(words[words.size() - 2], {"w1", "w2", "w3"})) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> expert = integer(words.back());
  if (expert) words.pop_back();
  return expert;
}

Inside place(const Words& parents) {
  for (auto word = parents.rbegin(); word != parents.rend(); ++word) {
    if (is_one_of(*word, {"mixer", "mamba", "linear_attn", "ssm"})) return Inside::ssm;
    if (contains(*word, "attn") || contains(*word, "ttention")) return Inside::attention;
    if (contains(*word, "mlp") || contains(*word, "ffn") || contains(*word, "feed_forward") ||
        *word == "DenseReluDense" || *word == "experts" || *word == "block_sparse_moe") {
      return Inside::mlp;
    }
  }
  return Inside::anywhere;
}

/// At the top of the network: not inside a numbered block.
bool at_root(const Words& parents, const Naming& naming) {
  return naming.block < 0 && parents.size() <= 2;
}

std::string role_by_rules(std::string_view leaf, const Words& parents, const Naming& naming,
                          const ModelConfig& config) {
  const std::string_view parent = parents.empty() ? std::string_view() : parents.back();
  if (leaf == "dense" && parent == "intermediate") return "mlp.up";
  if (leaf == "dense" && parent == "output" && place(parents) != Inside::attention)
    return "mlp.down";
  // Qwen 1 names its gate and up projections the other way round.
  if (config.model_type == "qwen" && leaf == "w1") return "mlp.up";
  if (config.model_type == "qwen" && leaf == "w2") return "mlp.gate";
  if (naming.prediction && leaf == "embed") return "embedding.token";
  const Inside inside = place(parents);
  for (const Rule& rule : kRules) {
    if (rule.leaf != leaf) continue;
    if (rule.inside == Inside::anywhere || rule.inside == inside ||
        (rule.inside == Inside::root && at_root(parents, naming))) {
      return std::string(rule.role);
    }
  }
  return "other";
}

/// Words of tables, masks and states that are no linear maps, whatever their shape.
/// Sources: state-spaces/mamba (A_log), Vim (A_b_log), llama.cpp (ssm_a, time_mix_*),
/// BlinkDL/RWKV-LM (r_k of version 7, time_* of 4 to 6), transformers and ONNX (tables of rotary
/// positions).
bool is_table(std::string_view leaf) {
  return is_one_of(
      leaf, {"inv_freq", "masked_bias", "A_log", "A_b_log", "_extra_state", "position_ids", "ssm_a",
             "r_k", "time_faaaa", "time_first", "time_decay", "time_mix_first", "time_mix_r_k",
             "time_mix_decay", "cos_cached", "sin_cached", "cos_cache", "sin_cache", "freqs_cis"});
}

/// The map that makes the scales of an adaptive norm: diffusers' `norm1.linear`, openpi's
/// `input_layernorm.dense`.
bool makes_scales(std::string_view leaf, std::size_t dimensions) {
  return dimensions == 2 && is_one_of(leaf, {"linear", "dense"});
}

/// A patch embedding: a convolution with stride = kernel, which is a linear map of the patch.
bool is_patch_embedding(std::string_view leaf, const Words& words, std::size_t dimensions) {
  if (dimensions < 4) return false;
  const bool vision = std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return word.starts_with("visual") || word.starts_with("vision");
  });
  const bool patches = std::any_of(words.begin(), words.end(), [](std::string_view word) {
    // GGUF's `v.patch_embd`, Pixtral's `patch_conv`.
    return word.starts_with("patch_emb") || word == "patch_conv";
  });
  return patches || (vision && leaf == "conv1");
}

std::string role_of(std::string_view leaf, const Words& words, const Words& parents,
                    const Naming& naming, std::span<const std::int64_t> shape,
                    const ModelConfig& config) {
  if (is_patch_embedding(leaf, words, shape.size())) return "vision.patch";
  if (shape.size() == 4) return "conv";
  if (std::string role = role_beside_attention(leaf, parents); !role.empty()) return role;
  std::string role = role_by_rules(leaf, parents, naming, config);
  // A gate with one row per expert is a router; otherwise it is the gate of an MLP.
  if (leaf == "gate" && place(parents) == Inside::mlp && config.num_experts && !shape.empty() &&
      shape.front() != *config.num_experts) {
    role = "mlp.gate";
  }
  if (role == "other" && leaf.starts_with("conv")) role = "conv";
  const bool shared = std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return is_one_of(word, {"shared_expert", "shared_experts"});
  });
  if (role.starts_with("mlp.") && naming.routed_experts) role = "expert." + role.substr(4);
  if (role.starts_with("mlp.") && shared) role = "shared_expert." + role.substr(4);
  return role;
}

}  // namespace

Naming naming_of(std::string_view name, std::span<const std::int64_t> shape,
                 const ModelConfig& config) {
  Naming naming;
  Words words = without_fused_norms(components(name), shape, config);
  const std::string_view kind = words.back();
  naming.bias = kind == "bias" || kind.ends_with("_bias");
  const std::optional<MegatronWords> megatron = megatron_words(words);
  if (megatron) {
    naming.bias = naming.bias || words[words.size() - megatron->count] == "bias";
    words.resize(words.size() - megatron->count);
  } else if (words.size() > 1 && is_one_of(kind, {"weight", "kernel", "bias"})) {
    words.pop_back();
  }
  const std::optional<std::int64_t> autoep = take_autoep_expert(words);
  find_block(words, naming);
  find_expert(words, naming);
  if (autoep) naming.expert = *autoep;
  if (megatron && naming.routed_experts && naming.expert < 0) naming.expert = megatron->expert;
  const std::string_view leaf = words.back();
  const Words parents(words.begin(), words.end() - 1);
  const std::string_view parent = parents.empty() ? std::string_view() : parents.back();
  const auto is_norm = [](std::string_view word) {
    return contains(word, "norm") || contains(word, "Norm") ||
           is_one_of(word, {"ln_1", "ln_2", "ln_f"}) || word.starts_with("bn");
  };
  naming.prediction = std::any_of(parents.begin(), parents.end(), [](std::string_view word) {
    return is_one_of(word, {"nextn", "mtp", "mtp_layers"});
  });
  const bool adaptive = is_norm(parent) && !is_norm(leaf) && makes_scales(leaf, shape.size());
  naming.normalization = is_norm(leaf) || (is_norm(parent) && !adaptive);
  naming.not_a_map = is_table(leaf) || kind == "_extra_state" ||
                     (naming.bias && contains(leaf, "attn") && shape.size() > 2);
  // Not a head or an output of attention, as such a name says elsewhere.
  if (!adaptive) naming.role = role_of(leaf, words, parents, naming, shape, config);
  if (megatron && !megatron->role.empty()) naming.role = megatron->role;
  if (megatron && megatron->part == 'w' && naming.role.ends_with(".up")) {
    naming.role.replace(naming.role.size() - 2, 2, "gate");
  }
  return naming;
}

}  // namespace wishart::model
