#include "usual_names.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "wishart/core/words.hpp"

namespace wishart::checkpoint {
namespace {

struct Word {
  std::string_view other;
  std::string_view usual;
};

/// Replaces the last occurrence.
bool replace(std::string& name, std::string_view other, std::string_view usual) {
  const std::size_t at = name.rfind(other);
  if (at == std::string::npos) return false;
  name.replace(at, other.size(), usual);
  return true;
}

/// Replaces the first of these words that the name has.
template <std::size_t N>
void replace_one(std::string& name, const std::array<Word, N>& words) {
  for (const Word& word : words) {
    if (replace(name, word.other, word.usual)) return;
  }
}

constexpr std::array kNumbered{Word{".gate_proj.", ".w1."}, Word{".up_proj.", ".w3."},
                               Word{".down_proj.", ".w2."}};

/// transformers 5 calls the module `mlp`, and llm-compressor makes linear layers of its stacks
/// under the names of most families (vllm-project/llm-compressor, issue 3069). mlx-lm's Kimi Linear
/// has the same (d78bf58, models/kimi_linear.py), mlx-vlm's Kimi K3 too (9b13f52,
/// kimi_k3/language.py).
void use_block_sparse_moe(std::string& name, std::string_view type) {
  // Not `mlp.gate_proj`, which dense layers have.
  constexpr std::array kParts{".experts.", ".gate.", ".shared_experts.", ".routed_expert_",
                              ".e_score_correction_bias"};
  for (const char* part : kParts) {
    if (replace(name, std::string(".mlp") + part, std::string(".block_sparse_moe") + part)) break;
  }
  if (type.starts_with("kimi_")) {
    replace(name, ".block_sparse_moe.e_score_correction_bias",
            ".block_sparse_moe.gate.e_score_correction_bias");
  }
  constexpr std::string_view kSingle = ".block_sparse_moe.experts.";
  const std::size_t at = name.find(kSingle);
  if (at == std::string::npos) return;
  const std::size_t number = at + kSingle.size();
  if (number < name.size() && is_digit(name[number])) {
    replace_one(name, kNumbered);
  }
}

/// What mlx-lm (d78bf58) and mlx-vlm (9b13f52) make of the hub's names when they convert a model:
/// `sanitize` in models/step3p5.py, granitemoe.py, bailing_moe.py, lfm2_moe.py, and qwen3_vl_moe,
/// qwen3_5_moe, glm4v_moe, gemma4.
void undo_mlx(std::string& name, std::string_view type) {
  if (type.starts_with("step3p")) {
    constexpr std::array kStep{Word{".mlp.switch_mlp.", ".moe."},
                               Word{".mlp.gate.gate.", ".moe.gate."},
                               Word{".mlp.gate.router_bias", ".moe.router_bias"},
                               Word{".mlp.share_expert.", ".share_expert."}};
    replace_one(name, kStep);
  } else if (type.starts_with("granitemoe")) {
    replace(name, ".block_sparse_moe.switch_mlp.down_proj.", ".block_sparse_moe.output_linear.");
  } else if (type.starts_with("bailing")) {
    replace(name, ".mlp.gate.gate_proj.", ".mlp.gate.");
  } else if (type == "lfm2_moe" && name.find(".feed_forward.switch_mlp.") == std::string::npos &&
             name.find(".feed_forward.") != std::string::npos) {
    replace_one(name, kNumbered);
  }
  const bool gemma = type.starts_with("gemma4");
  if (gemma || is_one_of(type, {"qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "glm4v",
                                "glm4v_moe"})) {
    constexpr std::array kBegin{Word{"language_model.model.", "model.language_model."},
                                Word{"language_model.lm_head.", "lm_head."}};
    constexpr std::array kGemma{"vision_tower.", "audio_tower.",           "embed_vision.",
                                "embed_audio.",  "multi_modal_projector.", "vision_embedder."};
    for (const Word& word : kBegin) {
      if (!name.starts_with(word.other)) continue;
      name.replace(0, word.other.size(), word.usual);
      return;
    }
    if (!gemma && name.starts_with("vision_tower.")) {
      name.replace(0, 12, "model.visual");
    } else if (gemma && std::any_of(kGemma.begin(), kGemma.end(),
                                    [&](const char* word) { return name.starts_with(word); })) {
      name.insert(0, "model.");
    }
  }
}

}  // namespace

bool has_block_sparse_moe(std::string_view type) {
  return is_one_of(type, {"mixtral", "minimax", "minimax_m2", "minimax_m3_vl", "phimoe",
                          "kimi_linear", "kimi_k3"});
}

std::string usual_name(const std::string& name, const ModelConfig& config) {
  std::string usual = name;
  if (config.model_type == "gpt_oss") {
    replace(usual, ".router.linear.", ".router.");
  } else if (has_block_sparse_moe(config.model_type)) {
    use_block_sparse_moe(usual, config.model_type);
  }
  return usual;
}

void use_usual_names(Catalogue& catalogue, bool of_mlx) {
  std::unordered_set<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.insert(tensor.name);
  const auto rename = [&](Tensor& tensor) {
    std::string usual = usual_name(tensor.name, catalogue.config);
    if (of_mlx) undo_mlx(usual, catalogue.config.model_type);
    if (usual == tensor.name || !names.insert(usual).second) return;
    names.erase(tensor.name);
    tensor.name = std::move(usual);
  };
  for (Tensor& tensor : catalogue.tensors) rename(tensor);
  for (LeftOut& one : catalogue.left_out) rename(one.tensor);
}

}  // namespace wishart::checkpoint
