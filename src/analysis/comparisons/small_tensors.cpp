#include "comparisons/small_tensors.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "comparisons/prediction.hpp"
#include "comparisons/token_tables.hpp"
#include "words/numbered_names.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kWeight = "weight";
constexpr const char* kBias = "bias";

std::string_view leaf_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

/// The component before the last; empty if there is none.
std::string_view module_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : leaf_of(name.substr(0, dot));
}

/// Whole words at the end of a name: SAM's `mask_decoder` and a `property_encoder` have parameters.
bool is_buffer(std::string_view name) {
  constexpr std::array<std::string_view, 14> kWords{"rotary_emb",
                                                    "rotary_pos_emb",
                                                    "rotary_embedding",
                                                    "rotary_embeddings",
                                                    "rotary",
                                                    "rope",
                                                    "rope_freqs",
                                                    "rope_factors_long",
                                                    "rope_factors_short",
                                                    "inv_freq",
                                                    "attention_mask",
                                                    "causal_mask",
                                                    "attn_mask",
                                                    "mask"};
  const auto is_word = [&](std::string_view word) {
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
  };
  const std::string_view leaf = leaf_of(name);
  return is_word(leaf) || is_word(module_of(name)) || leaf == "masked_bias" || leaf == "mask_bias";
}

/// T5's attention to the encoder has no such table: old files hold one that loaders ignore.
bool is_ignored_by_loaders(std::string_view name) {
  return name.ends_with(".EncDecAttention.relative_attention_bias.weight");
}

/// By names, as no file tells parameters from buffers. What is not known is not missed.
bool is_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 7> kLeaves{kWeight, kBias, "gamma", "beta",
                                                    "A_log", "D",   "sinks"};
  if (is_buffer(name) || is_ignored_by_loaders(name)) return false;
  const std::string_view leaf = leaf_of(name);
  return std::find(kLeaves.begin(), kLeaves.end(), leaf) != kLeaves.end() ||
         leaf.ends_with("_bias") || leaf.ends_with("norm_weight");
}

/// True within `experts`, `local_experts` and the like.
bool is_of_experts(std::string_view name) {
  return name.starts_with("experts.") || name.find(".experts.") != std::string_view::npos ||
         name.find("_experts.") != std::string_view::npos;
}

/// A bias for each expert. Others of two dimensions are buffers, such as BART's
/// `final_logits_bias`, and masks that are called `bias` may have more.
bool is_stack_of_biases(const SkippedRow& row) {
  const auto times = std::count(row.shape.begin(), row.shape.end(), 'x');
  return row.reason == "not-a-linear-map" && times == 1 && is_of_experts(row.tensor) &&
         leaf_of(row.tensor).ends_with(kBias);
}

bool is_small_parameter(const SkippedRow& row) {
  const bool small = row.reason == "one-dimensional" || row.reason == "too-small" ||
                     row.reason == "depthwise" || is_stack_of_biases(row);
  return small && is_parameter(row.tensor) && !is_of_classifier(row.tensor);
}

/// Norms that old checkpoints call `gamma` and `beta` are `weight` and `bias` in new ones.
std::string new_name(std::string name) {
  for (const auto& [old, now] : {std::pair{".gamma", kWeight}, std::pair{".beta", kBias}}) {
    if (name.ends_with(old)) return name.substr(0, name.rfind('.') + 1) + now;
  }
  return name;
}

/// Shapes by name; empty for a layer, which has a spectrum.
using Shapes = std::unordered_map<std::string, std::string>;

Shapes shapes_of(const CheckpointRecord& record) {
  Shapes shapes;
  for (const LayerRow& row : record.layers) shapes.emplace(row.key, "");
  for (const SkippedRow& row : record.skipped) shapes.emplace(new_name(row.tensor), row.shape);
  return shapes;
}

bool has(const Shapes& shapes, const std::string& name, std::string_view shape) {
  const auto found = shapes.find(name);
  return found != shapes.end() && found->second == shape;
}

/// Transformers stores the bias of a head once or twice: `lm_head.bias` is `lm_head.decoder.bias`.
bool is_tied_bias(const SkippedRow& row, const Shapes& here, const Shapes& there) {
  constexpr std::string_view kTied = ".decoder.bias";
  if (!row.tensor.ends_with(kTied)) return false;
  const std::string twin = row.tensor.substr(0, row.tensor.size() - kTied.size()) + "." + kBias;
  return has(here, twin, row.shape) && has(there, twin, row.shape);
}

/// `32 x 64` as 32 and `64`.
std::optional<std::pair<std::int64_t, std::string_view>> first_axis(std::string_view shape) {
  constexpr std::string_view kTimes = " x ";
  const std::size_t at = shape.find(kTimes);
  if (at == std::string_view::npos) return {};
  const std::optional<std::int64_t> first = number_of_word(shape.substr(0, at));
  if (!first) return {};
  return std::pair{*first, shape.substr(at + kTimes.size())};
}

/// gpt-oss as its authors store it, where B has a bias for each expert, as unsloth does.
bool is_taken_apart(const SkippedRow& row, const Shapes& there) {
  const std::string_view name = row.tensor;
  const auto axes = first_axis(row.shape);
  if (!axes || axes->first == 0) return false;
  for (const std::string_view stack : {"experts.gate_up_proj_bias", "experts.down_proj_bias"}) {
    if (!name.ends_with(stack)) continue;
    const std::string singles(name.substr(0, name.rfind('_')));
    for (std::int64_t i = 0; i < axes->first; ++i) {
      if (!has(there, singles + "s." + std::to_string(i) + ".bias", axes->second)) return false;
    }
    return true;
  }
  return false;
}

/// The other way: `experts.down_projs.3.bias`, where B has a stack of at least four.
bool is_stacked(const SkippedRow& row, const Shapes& there) {
  const std::string_view name = row.tensor;
  if (leaf_of(name) != kBias) return false;
  const std::optional<std::int64_t> expert = number_of_word(module_of(name));
  for (const std::string_view single : {"experts.gate_up_projs.", "experts.down_projs."}) {
    const std::size_t at = name.rfind(single);
    if (!expert || at == std::string_view::npos) continue;
    // Without the plural and its dot.
    const std::string stack(name.substr(0, at + single.size() - 2));
    const auto found = there.find(stack + "_bias");
    if (found == there.end()) continue;
    const auto axes = first_axis(found->second);
    return axes && *expert < axes->first && axes->second == row.shape;
  }
  return false;
}

bool is_missing(const SkippedRow& row, const Shapes& here, const Shapes& there) {
  return !there.contains(new_name(row.tensor)) && !is_tied_bias(row, here, there) &&
         !is_taken_apart(row, there) && !is_stacked(row, there);
}

}  // namespace

std::vector<SmallTensor> small_tensors(const CheckpointRecord& a, const CheckpointRecord& b,
                                       bool head_replaced) {
  std::vector<SmallTensor> all;
  if (a.provenance.analysis != AnalysisKind::weights ||
      b.provenance.analysis != AnalysisKind::weights) {
    return all;
  }
  const Shapes here = shapes_of(a);
  const Shapes there = shapes_of(b);
  const std::vector<std::string> left = left_predictions(a, b);
  for (const SkippedRow& row : a.skipped) {
    if (!is_small_parameter(row)) continue;
    if (head_replaced && is_of_language_head(row.tensor)) continue;
    const bool of_left = begins_with_one(row.tensor, left);
    all.push_back({row.tensor, !of_left && is_missing(row, here, there)});
  }
  return all;
}

}  // namespace wishart::analysis
