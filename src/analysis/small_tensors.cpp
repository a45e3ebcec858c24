#include "small_tensors.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "token_tables.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kWeight = "weight";
constexpr const char* kBias = "bias";

std::string_view leaf_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

/// By names, as no file tells parameters from buffers. What is not known is not missed.
bool is_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 7> kLeaves{kWeight, kBias, "gamma", "beta",
                                                    "A_log", "D",   "sinks"};
  constexpr std::array<std::string_view, 4> kOfBuffers{"rotary", "rope", "inv_freq", "mask"};
  for (const std::string_view word : kOfBuffers) {
    if (name.find(word) != std::string_view::npos) return false;
  }
  const std::string_view leaf = leaf_of(name);
  return std::find(kLeaves.begin(), kLeaves.end(), leaf) != kLeaves.end() ||
         leaf.ends_with("_bias") || leaf.ends_with("norm_weight");
}

/// Of experts: a bias for each. Masks that are called `bias` have more dimensions.
bool is_stack_of_biases(const SkippedRow& row) {
  const auto times = std::count(row.shape.begin(), row.shape.end(), 'x');
  return row.reason == "not-a-linear-map" && times == 1 && leaf_of(row.tensor).ends_with(kBias);
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

}  // namespace

std::vector<SmallTensor> small_tensors(const CheckpointRecord& a, const CheckpointRecord& b,
                                       bool head_replaced) {
  std::vector<SmallTensor> all;
  if (a.provenance.analysis != AnalysisKind::weights ||
      b.provenance.analysis != AnalysisKind::weights) {
    return all;
  }
  std::unordered_set<std::string> there;
  for (const LayerRow& row : b.layers) there.insert(row.key);
  for (const SkippedRow& row : b.skipped) there.insert(new_name(row.tensor));
  for (const SkippedRow& row : a.skipped) {
    if (!is_small_parameter(row)) continue;
    if (head_replaced && is_of_language_head(row.tensor)) continue;
    all.push_back({row.tensor, !there.contains(new_name(row.tensor))});
  }
  return all;
}

}  // namespace wishart::analysis
