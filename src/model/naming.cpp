#include "wishart/model/naming.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"
#include "wishart/record/roles.hpp"

#include "beside_attention.hpp"
#include "megatron_words.hpp"
#include "role_rules.hpp"

namespace wishart::model {
namespace {

using Words = std::vector<std::string_view>;

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
    const bool container = holds_blocks(words[i]);
    // DeepSeek-V4 and Hunyuan V4 number their modules for multi-token prediction apart from layers.
    const bool apart = is_one_of(words[i], {"mtp", "mtp_layers"}) || is_numbered_stage(words[i]);
    if (!container && !apart) continue;
    naming.block = *index;
    naming.stack = joined(words, container ? i : i + 1);
    return;
  }
  // NeoBERT. Elsewhere blocks have a container of their own below this one.
  const auto encoder = std::find(words.begin(), words.end(), "transformer_encoder");
  if (words.end() - encoder < 2) return;
  if (const auto index = integer(encoder[1])) {
    naming.block = *index;
    naming.stack = joined(words, static_cast<std::size_t>(encoder - words.begin()));
  }
}

void find_expert(const Words& words, Naming& naming) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].ends_with("_exps") || words[i].ends_with("_chexps") ||
        is_one_of(words[i], {"switch_mlp", "switch_mlp_1"})) {
      naming.routed_experts = true;
    }
    // torchtitan: routed_experts.inner_experts.w1_EFD
    if (!is_one_of(words[i], {"experts", "local_experts", "inner_experts", "chunk_experts"})) {
      continue;
    }
    naming.routed_experts = true;
    if (i + 1 < words.size()) naming.expert = integer(words[i + 1]).value_or(-1);
    if (naming.expert >= 0) return;  // Megatron: experts.local_experts.3
  }
}

/// DeepSpeed's AutoEP (engine.py, _save_moe_checkpoint): `experts.w1.3` is w1 of expert 3. So is
/// `experts.gate_up_projs.3` of unsloth's gpt-oss (unsloth_zoo ce232d6, gpt_oss.py). Removes the
/// number, and the plural. So are `ffn_up.3` of the first GGUF files of Mixtral.
std::optional<std::int64_t> take_last_expert(Words& words) {
  if (words.size() < 3) return std::nullopt;
  std::string_view& kind = words[words.size() - 2];
  if (is_one_of(kind, {"ffn_gate", "ffn_up", "ffn_down"})) {
    const std::optional<std::int64_t> expert = integer(words.back());
    if (expert) words.pop_back();
    return expert;
  }
  if (words[words.size() - 3] != "experts") return std::nullopt;
  const bool plural = is_one_of(kind, {"gate_up_projs", "down_projs"});
  if (!plural && !is_one_of(kind, {"w1", "w2", "w3"})) return std::nullopt;
  const std::optional<std::int64_t> expert = integer(words.back());
  if (!expert) return std::nullopt;
  if (plural) kind.remove_suffix(1);
  words.pop_back();
  return expert;
}

/// torchtitan ends names with a letter for each axis (b5bcd76, models/common/moe.py): `w1_EFD`,
/// `mlp1_bias_EG`. Removes them.
void drop_axes(std::string_view& word, std::size_t dimensions) {
  const std::size_t at = word.rfind('_');
  if (at == 0 || at == std::string_view::npos || dimensions < 2) return;
  const std::string_view axes = word.substr(at + 1);
  const bool letters =
      std::all_of(axes.begin(), axes.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (letters && axes.size() == dimensions) word = word.substr(0, at);
}

/// The changes that an adapter makes of a stack of experts are called `stack[3]`
/// (checkpoint/formats/lora). Removes the number.
std::optional<std::int64_t> take_index(std::string_view& name) {
  const std::size_t at = name.rfind('[');
  if (at == 0 || at == std::string_view::npos || !name.ends_with(']')) return std::nullopt;
  const std::optional<std::int64_t> index = integer(name.substr(at + 1, name.size() - at - 2));
  if (index) name.remove_suffix(name.size() - at);
  return index;
}

/// Stacks of experts in a module without the word `experts`: Step-3.5's `moe.up_proj`, Granite's
/// and JetMoE's `input_linear`, `mlp.mlp1_weight` of openai/gpt-oss.
bool is_stack_in_moe(std::string_view leaf, std::string_view parent) {
  return (parent == "moe" && is_one_of(leaf, {"gate_proj", "up_proj", "down_proj"})) ||
         is_one_of(leaf, {"input_linear", "output_linear", "mlp1_weight", "mlp2_weight"});
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

/// A head reads the model's width and makes a number for each word of the vocabulary. Names that
/// other maps have too are no heads if the config says that these sizes are others.
bool may_be_head(std::string_view leaf, const Words& words, std::span<const std::int64_t> shape,
                 bool in_out, const ModelConfig& config) {
  if (!is_one_of(leaf, {"head", "fc", "linear", "output", "ff_out", "final_linear"})) return true;
  if (shape.size() != 2) return false;
  const bool elsewhere = std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return word == "mtp" || word == "mtp_layers" || contains(word, "projector");
  });
  if (elsewhere && leaf != "head") return false;
  const std::int64_t inputs = shape[in_out ? 0 : 1];
  const std::int64_t outputs = shape[in_out ? 1 : 0];
  if (config.hidden_size && inputs != *config.hidden_size) return false;
  // Vocabularies are padded, to multiples of some number of rows.
  return !config.vocab_size || (outputs >= *config.vocab_size && outputs / 2 < *config.vocab_size);
}

/// Old files of vision encoders call the first map of an MLP `ffn_down` and the second `ffn_up`
/// (llama.cpp, tools/mtmd/clip.cpp, is_ffn_swapped). The usual name of `leaf` in them.
std::string_view usual_leaf(std::string_view leaf, const Words& words,
                            std::span<const std::int64_t> shape) {
  const bool encoder = words.size() > 2 && words[0] == "v" && words[1] == "blk";
  if (!encoder || shape.size() != 2) return leaf;
  if (leaf == "ffn_down" && shape[0] > shape[1]) return "ffn_up";
  if (leaf == "ffn_up" && shape[0] < shape[1]) return "ffn_down";
  return leaf;
}

/// A gate with one row per expert is a router; otherwise it is the gate of an MLP. Inkling's has
/// rows for the shared experts too (modeling_inkling.py), which are fewer.
bool is_router(std::span<const std::int64_t> shape, const Naming& naming,
               const ModelConfig& config) {
  if (naming.expert >= 0) return false;
  if (!config.num_experts || shape.empty()) return true;
  const std::int64_t rows = shape.front();
  const bool of_mlp = rows == config.intermediate_size || rows == config.moe_intermediate_size;
  return rows == *config.num_experts ||
         (rows > *config.num_experts && rows / 2 < *config.num_experts && !of_mlp);
}

bool is_shared(const Words& words, const ModelConfig& config) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    // Granite's models without experts have this module too, as their MLP.
    if (word == "shared_mlp") return config.num_experts.value_or(1) > 0;
    return is_one_of(word, {"shared_expert", "shared_experts", "share_expert"});
  });
}

/// GroveMoE: experts that are smaller, each beside a group of the others.
bool is_chunk(std::string_view leaf, const Words& parents) {
  return leaf.ends_with("_chexps") ||
         std::find(parents.begin(), parents.end(), "chunk_experts") != parents.end();
}

std::string role_of(std::string_view leaf, const Words& words, const Words& parents,
                    const Naming& naming, std::span<const std::int64_t> shape,
                    const ModelConfig& config) {
  if (is_patch_embedding(leaf, words, shape.size())) return "vision.patch";
  if (shape.size() == 4) return "conv";
  if (std::string role = role_beside_attention(leaf, parents); !role.empty()) return role;
  std::string role = role_by_rules(usual_leaf(leaf, words, shape), parents, naming, config);
  if (leaf == "gate" && place(parents) == Inside::mlp && !is_router(shape, naming, config)) {
    role = "mlp.gate";
  }
  if (role == "other" && leaf.starts_with("conv")) role = "conv";
  if (role.starts_with("mlp.") && naming.routed_experts) {
    role = (is_chunk(leaf, parents) ? "chunk_expert." : "expert.") + role.substr(4);
  }
  if (role.starts_with("mlp.") && is_shared(words, config)) {
    role = "shared_expert." + role.substr(4);
  }
  return role;
}

}  // namespace

Naming naming_of(std::string_view name, std::span<const std::int64_t> shape,
                 const ModelConfig& config) {
  const std::optional<std::int64_t> index = take_index(name);
  Naming naming;
  Words words = without_fused_norms(components(name), shape, config);
  drop_axes(words.back(), shape.size() + (index ? 1 : 0));
  const std::string_view kind = words.back();
  naming.bias = kind == "bias" || kind.ends_with("_bias");
  const std::optional<MegatronWords> megatron = megatron_words(words);
  if (megatron) {
    naming.bias = naming.bias || words[words.size() - megatron->count] == "bias";
    words.resize(words.size() - megatron->count);
  } else if (words.size() > 1 && is_one_of(kind, {"weight", "kernel", "bias"})) {
    words.pop_back();
  }
  const std::optional<std::int64_t> last = take_last_expert(words);
  find_block(words, naming);
  find_expert(words, naming);
  if (last) {
    naming.expert = *last;
    naming.routed_experts = true;
  }
  if (megatron && naming.routed_experts && naming.expert < 0) naming.expert = megatron->expert;
  const std::string_view leaf = words.back();
  const Words parents(words.begin(), words.end() - 1);
  const std::string_view parent = parents.empty() ? std::string_view() : parents.back();
  if (is_stack_in_moe(leaf, parent) && (index || shape.size() == 3)) naming.routed_experts = true;
  if (naming.routed_experts && naming.expert < 0) naming.expert = index.value_or(-1);
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
  if (naming.role == kHeadRole && !may_be_head(leaf, words, shape, kind == "kernel", config)) {
    naming.role = "other";
  }
  if (megatron && !megatron->role.empty()) naming.role = megatron->role;
  if (megatron && megatron->part == 'w' && naming.role.ends_with(".up")) {
    naming.role.replace(naming.role.size() - 2, 2, "gate");
  }
  return naming;
}

}  // namespace wishart::model
