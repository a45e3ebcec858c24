#include "sibling_roles.hpp"

#include <array>

#include "wishart/core/words.hpp"

#include "siblings.hpp"

namespace wishart::model {
namespace {

/// Names whose roles depend on their module.
constexpr std::array<std::string_view, 15> kAmbiguous{
    "out_proj",  "in_proj_q", "in_proj_k", "in_proj_v", "in_proj_z",
    "in_proj_a", "in_proj_b", "ff_proj",   "w1",        "w2",
    "w3",        "fc",        "fc_1",      "fc_2",      "proj"};
/// Names that tell them.
constexpr std::array<std::string_view, 13> kTelling{
    "Wqkv", "Wq", "in_proj_z", "out_proj", "up_proj", "w12", "v1",
    "w1",   "w2", "w3",        "fc",       "fc_1",    "proj"};

bool is_of_mlp(std::string_view role) {
  return role.ends_with(".gate") || role.ends_with(".up") || role.ends_with(".down");
}

std::string stem_of(const Tensor& tensor, std::string_view format) {
  std::string name = dotted_name(tensor, format);
  for (const std::string_view kind : {".weight", ".kernel"}) {
    if (name.ends_with(kind)) name.resize(name.size() - kind.size());
  }
  return name;
}

}  // namespace

std::string SiblingRoles::role_of(const Tensor& tensor, const Naming& naming) {
  const std::string stem = stem_of(tensor, catalogue_.format);
  const std::size_t dot = stem.rfind('.');
  if (dot == std::string::npos) return naming.role;
  const std::string_view module = std::string_view(stem).substr(0, dot);
  const std::string_view leaf = std::string_view(stem).substr(dot + 1);
  if (!is_one_of(leaf, kAmbiguous)) return naming.role;
  look();
  // Phi-2's and Jina's attention is called `mixer`, as state-space models are elsewhere.
  if (naming.role == "ssm.out_proj" && (has(module, "Wqkv") || has(module, "Wq"))) {
    return "attention.o";
  }
  // torchtitan b5bcd76, models/qwen3_5/gdn.py: a Gated DeltaNet called `attn`.
  if (has(module, "in_proj_z") && has(module, "out_proj")) {
    if (leaf == "out_proj" || leaf.starts_with("in_proj_")) return "ssm." + std::string(leaf);
  }
  // LLaDA; OLMo has both maps in `ff_proj`.
  if (naming.role == "mlp.gate_up" && leaf == "ff_proj" && has(module, "up_proj")) {
    return "mlp.gate";
  }
  if (const std::string_view part = part_of_litgpt(module, leaf); !part.empty()) {
    const bool shared = module.ends_with("shared_experts");
    return (shared                  ? "shared_expert."
            : naming.routed_experts ? "expert."
                                    : "mlp.") +
           std::string(part);
  }
  const std::string_view part = part_of_mlp(module, leaf);
  if (part.empty() || !is_of_mlp(naming.role)) return naming.role;
  return naming.role.substr(0, naming.role.rfind('.') + 1) + std::string(part);
}

/// LitGPT's MLPs (litgpt/model.py): `fc` and `proj`, or `fc_1`, `fc_2` and `proj`.
std::string_view SiblingRoles::part_of_litgpt(std::string_view module,
                                              std::string_view leaf) const {
  if (module.find("mlp") == std::string_view::npos || !has(module, "proj")) return {};
  const bool gated = has(module, "fc_1");
  if (!gated && !has(module, "fc")) return {};
  if (leaf == "proj") return "down";
  if (leaf == "fc_1") return "gate";
  if (leaf == "fc_2" || (leaf == "fc" && !gated)) return "up";
  return {};
}

/// SwiGLU of xformers, DINOv2 and EVA-02: `w12` or `w1` and `w2` are gate and up, `w3` is down.
/// Llama's `w3` has the shape of `w1`. Experts of nomic-embed-text-v2-moe have the names of DBRX's,
/// but no gate `v1` (NomicExpertMLP in vLLM).
std::string_view SiblingRoles::part_of_mlp(std::string_view module, std::string_view leaf) const {
  if (leaf == "w3" && has(module, "w12")) return "down";
  if (leaf == "w1" && module.ends_with("experts.mlp") && !has(module, "v1") &&
      catalogue_.config.model_type != "dbrx") {
    return "up";
  }
  const Shape* first = find(module, "w1");
  const Shape* second = find(module, "w2");
  const Shape* third = find(module, "w3");
  if (first == nullptr || second == nullptr || third == nullptr) return {};
  const bool alike = first->size() == 2 && *first == *second && first->front() != first->back();
  if (!alike || *third != Shape{first->back(), first->front()}) return {};
  return leaf == "w2" ? "up" : leaf == "w3" ? "down" : "";
}

void SiblingRoles::look() {
  if (looked_) return;
  looked_ = true;
  for (const Tensor& tensor : catalogue_.tensors) {
    std::string stem = stem_of(tensor, catalogue_.format);
    // Of the whole name if it has no dot.
    const std::string_view leaf = std::string_view(stem).substr(stem.rfind('.') + 1);
    if (is_one_of(leaf, kTelling)) shapes_.insert_or_assign(std::move(stem), tensor.shape);
  }
}

const SiblingRoles::Shape* SiblingRoles::find(std::string_view module,
                                              std::string_view leaf) const {
  const auto found = shapes_.find(std::string(module) + "." + std::string(leaf));
  return found == shapes_.end() ? nullptr : &found->second;
}

}  // namespace wishart::model
