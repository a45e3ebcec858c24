#include "formats/lora/loose_factors.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

// Sources for the names: kohya-ss/sd-scripts, networks/lora.py (LoRAModule); LyCORIS, as
// ComfyUI's comfy/weight_adapter reads it; ml-explore/mlx-lm, mlx_lm/tuner/lora.py;
// ggml-org/llama.cpp, convert_lora_to_gguf.py; microsoft/LoRA, loralib/layers.py (no `.weight`);
// diffusers before PEFT (`to_q_lora.down.weight`, `lora_linear_layer.down.weight`).

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
constexpr Writer kLlama{"llama.cpp",
                        "Merge it into its model (llama-export-lora), and scan that, or scan the "
                        "adapter of PEFT that it was made from"};
constexpr Writer kKohya{"kohya's sd-scripts",
                        "Merge it into its model, and scan that, or convert it to PEFT's format"};

struct Mark {
  std::string_view text;
  const Writer* writer;
};
/// Each is followed by the end of the name, `.weight`, or the adapter's name and `.weight`.
constexpr std::array<Mark, 14> kMarks{{{".lora_A", &kPeft},
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
/// LoHa and LoKr: the last word of a name begins with one of these.
constexpr std::array<std::string_view, 2> kProducts{"hada_w", "lokr_w"};

struct Factor {
  std::string_view module;
  const Writer* writer = nullptr;
  bool is_default = false;  ///< of an adapter that is called as PEFT does without a name
};

std::optional<Factor> factor_of(std::string_view name) {
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
    return Factor{module, of_gguf ? &kLlama : mark.writer, rest == ".default"};
  }
  const std::size_t dot = stem.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  for (const std::string_view product : kProducts) {
    if (stem.substr(dot + 1).starts_with(product)) return Factor{stem.substr(0, dot), &kKohya};
  }
  return std::nullopt;
}

/// What adapters have beside their factors.
bool is_small_part(std::string_view name) {
  return name.ends_with(".alpha") || name.ends_with(".dora_scale") ||
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
  for (const Tensor& tensor : catalogue.tensors) {
    if (std::optional<Factor> factor = factor_of(tensor.name)) {
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
