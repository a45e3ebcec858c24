#include "formats/lora/loose_factors.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

// Sources for the names: pytorch/torchtune bd2a0fc, training/checkpointing; kohya-ss/sd-scripts,
// networks/lora.py (LoRAModule); LyCORIS, as ComfyUI's comfy/weight_adapter reads it;
// ml-explore/mlx-lm, mlx_lm/tuner/lora.py; ggml-org/llama.cpp, convert_lora_to_gguf.py;
// microsoft/LoRA, loralib/layers.py (no `.weight`); diffusers before PEFT (`to_q_lora.down.weight`,
// `lora_linear_layer.down.weight`); NVIDIA-NeMo/Megatron-Bridge 2afd2d3, peft/adapter_wrapper.py;
// keras-team/keras-hub, models/backbone.py (save_lora_weights); Blaizzy/mlx-vlm, trainer/lora.py.

namespace wishart::checkpoint {
namespace {

struct Writer {
  std::string_view name;
  std::string_view remedy;
};
constexpr Writer kPeft{"PEFT",
                       "If it is PEFT's, name it adapter_model.safetensors, beside its "
                       "adapter_config.json. Else merge it into its model, and scan that"};
constexpr Writer kUnmerged{"PEFT, beside the weights that they change",
                           "Merge them (merge_and_unload), and save the model again"};
constexpr Writer kMlx{"mlx-lm",
                      "Fuse it into its model (mlx_lm.fuse), and scan that, or convert it to "
                      "PEFT's format"};
constexpr Writer kTorchtune{"torchtune",
                            "torchtune writes them for PEFT too: scan the folder that has "
                            "adapter_model.safetensors and adapter_config.json"};
constexpr Writer kLlama{"llama.cpp",
                        "Merge it into its model (llama-export-lora), and scan that, or scan the "
                        "adapter of PEFT that it was made from"};
constexpr Writer kKohya{"kohya's sd-scripts",
                        "Merge it into its model, and scan that, or convert it to PEFT's format"};

constexpr Writer kBridge{"Megatron-Bridge or NeMo",
                         "Merge it into its model (merge_lora.py), and scan that, or export it for "
                         "PEFT"};
constexpr Writer kBridgeUnmerged{"Megatron-Bridge or NeMo, beside the weights that they change",
                                 "Merge them (merge_lora.py), and scan the model that it saves"};
constexpr Writer kKeras{"KerasHub",
                        "Load it into its model (load_lora_weights), save the weights of that, and "
                        "scan them"};
constexpr Writer kMlxVlm{"mlx-vlm",
                         "Merge it into its model, and scan that, or convert it to PEFT's format"};

struct Mark {
  std::string_view text;
  const Writer* writer;
};
/// Each is followed by the end of the name, `.weight`, or the adapter's name and `.weight`.
constexpr std::array<Mark, 16> kMarks{{{".lora_kernel_", &kKeras},
                                       {".lora_embeddings_", &kKeras},
                                       {".lora_A", &kPeft},
                                       {".lora_B", &kPeft},
                                       {".lora_embedding_", &kPeft},
                                       {".lora_a", &kMlx},
                                       {".lora_b", &kMlx},
                                       {".lora_down", &kKohya},
                                       {".lora_mid", &kKohya},
                                       {".lora_up", &kKohya},
                                       {".lora_linear_layer.down", &kKohya},
                                       {".lora_linear_layer.up", &kKohya},
                                       {".lora.down", &kKohya},
                                       {".lora.up", &kKohya},
                                       {"_lora.down", &kKohya},
                                       {"_lora.up", &kKohya}}};
/// LoHa, LoKr and their cores, OFT, and whole changes: the last word of a name begins with one of
/// these (LyCORIS f49d30d, `weight_list` of its modules; oft_diag: its older diag_oft.py).
constexpr std::array<std::string_view, 7> kProducts{"hada_w",     "hada_t",   "lokr_w", "lokr_t",
                                                    "oft_blocks", "oft_diag", "diff"};
/// GLoRA: the last word, beside an `alpha`.
constexpr std::array<std::string_view, 5> kGlora{"a1", "a2", "b1", "b2", "bm"};

using Modules = std::unordered_set<std::string_view>;
constexpr std::string_view kAlpha = ".alpha";

struct Factor {
  std::string_view module;
  const Writer* writer = nullptr;
  bool is_default = false;  ///< of an adapter that is called as PEFT does without a name
};

/// Takes the last word off a dotted name.
std::string_view take_last_word(std::string_view& name) {
  const std::size_t dot = name.rfind('.');
  const std::string_view word = dot == std::string_view::npos ? name : name.substr(dot + 1);
  name.remove_suffix(std::min(word.size() + 1, name.size()));
  return word;
}

/// `x.adapter.linear_in.weight`; of CanonicalLoRA `x.adapter.adapter_q.linear_in.weight`; of NeMo 1
/// `x.adapter_layer.lora_kqv_adapter.linear_in.weight`.
std::optional<Factor> factor_of_bridge(std::string_view name) {
  // Experts that are multiplied as a group have numbers: weight0, weight1, ...
  if (!take_last_word(name).starts_with("weight")) return std::nullopt;
  const std::string_view factor = take_last_word(name);
  if (factor != "linear_in" && factor != "linear_out") return std::nullopt;
  std::string_view word = take_last_word(name);
  if (word.starts_with("adapter_")) word = take_last_word(name);
  if (word.ends_with("_adapter") && take_last_word(name) == "adapter_layer") word = "adapter";
  if (word != "adapter" || name.empty()) return std::nullopt;
  return Factor{name, &kBridge};
}

/// The matrices `x.A` [in, r] and `x.B` [r, out] of a module x, where r is the smallest.
Modules modules_of_mlx_vlm(const std::vector<Tensor>& tensors) {
  std::unordered_map<std::string_view, const Tensor*> firsts;
  const auto module_of = [](const Tensor& tensor, std::string_view end) {
    std::string_view name = tensor.name;
    if (tensor.shape.size() != 2 || !name.ends_with(end)) return std::string_view();
    return name.substr(0, name.size() - end.size());
  };
  for (const Tensor& tensor : tensors) {
    const std::string_view module = module_of(tensor, ".A");
    if (!module.empty()) firsts.emplace(module, &tensor);
  }
  Modules modules;
  for (const Tensor& tensor : tensors) {
    const auto first = firsts.find(module_of(tensor, ".B"));
    if (first == firsts.end()) continue;
    const std::int64_t rank = tensor.shape[0];
    const std::vector<std::int64_t>& shape = first->second->shape;
    if (shape[1] == rank && rank < shape[0] && rank < tensor.shape[1]) modules.insert(first->first);
  }
  return modules;
}

/// @param alphas  the modules with an `alpha`
/// @param mlx_vlm  those with factors of mlx-vlm
std::optional<Factor> factor_of(std::string_view name, const Modules& alphas,
                                const Modules& mlx_vlm) {
  if (std::optional<Factor> factor = factor_of_bridge(name)) return factor;
  std::string_view stem = name;
  if (stem.ends_with(".weight")) stem.remove_suffix(7);
  for (const Mark& mark : kMarks) {
    const std::size_t at = stem.rfind(mark.text);
    if (at == std::string_view::npos || at == 0) continue;
    std::string_view rest = stem.substr(at + mark.text.size());
    if (mark.text.ends_with('_') && !rest.empty()) rest.remove_prefix(1);
    const bool named = rest.size() > 1 && rest.front() == '.' && rest.rfind('.') == 0;
    if (!rest.empty() && !named) continue;
    const std::string_view module = stem.substr(0, at);
    const bool of_gguf = mark.writer == &kMlx && module.ends_with(".weight");
    const Writer* writer = mark.writer;
    if (writer == &kMlx && stem.size() < name.size()) writer = &kTorchtune;  // `.weight` at its end
    return Factor{module, of_gguf ? &kLlama : writer, rest == ".default"};
  }
  const std::size_t dot = stem.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const std::string_view module = stem.substr(0, dot);
  const std::string_view word = stem.substr(dot + 1);
  if ((word == "A" || word == "B") && mlx_vlm.contains(module)) return Factor{module, &kMlxVlm};
  for (const std::string_view product : kProducts) {
    const bool whole = product == "diff";
    if (whole ? word == product : word.starts_with(product)) return Factor{module, &kKohya};
  }
  const bool glora = std::find(kGlora.begin(), kGlora.end(), word) != kGlora.end();
  if (glora && alphas.contains(module)) return Factor{module, &kKohya};
  return std::nullopt;
}

/// What adapters have beside their factors.
bool is_small_part(std::string_view name) {
  return name.ends_with(kAlpha) || name.ends_with(".dora_scale") || name.ends_with(".rescale") ||
         name.find(".lora_magnitude_vector") != std::string_view::npos;
}

/// True if one of the sorted names begins with `prefix`.
bool any_begins(const std::vector<std::string_view>& sorted, const std::string& prefix) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), prefix);
  return found != sorted.end() && found->starts_with(prefix);
}

}  // namespace

void refuse_loose_factors(const Catalogue& catalogue) {
  struct Named {
    const Tensor* tensor;
    Factor factor;
  };
  std::vector<Named> factors;
  std::vector<std::string_view> others;  // matrices
  Modules alphas;
  for (const Tensor& tensor : catalogue.tensors) {
    std::string_view name = tensor.name;
    if (!name.ends_with(kAlpha)) continue;
    name.remove_suffix(kAlpha.size());
    alphas.insert(name);
  }
  // Models have matrices of these names and shapes too, but no such file beside them.
  const bool of_adapter = is_given(catalogue.root / "adapter_config.json");
  const Modules mlx_vlm = of_adapter ? modules_of_mlx_vlm(catalogue.tensors) : Modules();
  for (const Tensor& tensor : catalogue.tensors) {
    if (std::optional<Factor> factor = factor_of(tensor.name, alphas, mlx_vlm)) {
      factors.push_back({&tensor, *factor});
    } else if (tensor.shape.size() >= 2 && !is_small_part(tensor.name)) {
      others.emplace_back(tensor.name);
    }
  }
  if (factors.empty()) return;
  std::sort(others.begin(), others.end());
  const auto refuse = [&](const Tensor& first, const Writer& writer) {
    throw Error(Blame::input, printable(catalogue.root.string()) +
                                  ": expected whole weights, found factors of an adapter as of " +
                                  std::string(writer.name) + ", the first of them " +
                                  in_quotes(first.name) + ". " + std::string(writer.remedy));
  };
  const Named* first_alone = nullptr;
  std::size_t alone = 0;
  for (const Named& named : factors) {
    const std::string module(named.factor.module);
    if (named.factor.is_default && any_begins(others, module + ".base_layer.")) {
      refuse(*named.tensor, kUnmerged);
    }
    // No model has such factors of its own.
    if (named.factor.writer == &kBridge && any_begins(others, module + ".weight")) {
      refuse(*named.tensor, kBridgeUnmerged);
    }
    // torch's parametrizations keep the weight beside what makes it.
    const std::string owner = module.substr(0, module.find(".parametrizations."));
    const bool of_gguf = named.factor.writer == &kLlama;
    if (any_begins(others, owner + ".") ||
        (of_gguf && std::binary_search(others.begin(), others.end(), std::string_view(module)))) {
      continue;
    }
    if (first_alone == nullptr) first_alone = &named;
    ++alone;
  }
  // A whole model has at least one weight for each pair of factors, and its embedding.
  if (first_alone != nullptr && 2 * others.size() <= alone) {
    refuse(*first_alone->tensor, *first_alone->factor.writer);
  }
}

}  // namespace wishart::checkpoint
