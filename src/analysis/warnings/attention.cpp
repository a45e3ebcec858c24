#include "wishart/analysis/attention.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/layer_status.hpp"
#include "wishart/record/row_warnings.hpp"

namespace wishart::analysis {
namespace {

/// Sorts the layers of a group: smaller is worse.
double badness(std::string_view word, const LayerRow& layer) {
  if (word == "nonfinite") return -static_cast<double>(saturated_sum(layer.num_nan, layer.num_inf));
  if (word == kRankCollapse) return static_cast<double>(layer.matrix_rank);
  if (word == kAdapterDominates) return -layer.weights.delta_frobenius;
  if (word == kAdapterCollapsed) {
    return layer.adapter.adapter_effective_rank / static_cast<double>(layer.adapter.adapter_rank);
  }
  if (word == kSmallTailWarning) return static_cast<double>(layer.num_pl_spikes);
  return static_cast<double>(layer.layer_id);
}

/// Keeps the order of layers with the same badness.
AttentionGroup group_of(std::string_view word, std::string_view meaning,
                        const std::vector<LayerRow>& layers, const auto& belongs,
                        const auto& is_worse) {
  AttentionGroup group{std::string(word), std::string(meaning), {}};
  for (const LayerRow& layer : layers) {
    if (belongs(layer)) group.layers.push_back(&layer);
  }
  std::stable_sort(group.layers.begin(), group.layers.end(),
                   [&](const LayerRow* a, const LayerRow* b) { return is_worse(*a, *b); });
  return group;
}

/// The groups of warnings, or of remarks, that have layers.
std::vector<AttentionGroup> groups_of(const std::vector<LayerRow>& layers, bool remarks) {
  std::vector<AttentionGroup> groups;
  for (const WarningKind& kind : warning_kinds()) {
    if (kind.remark != remarks) continue;
    const std::string word(kind.word);
    // Also of a difference that is zero, which `warning_words` does not count.
    const auto belongs = [&](const LayerRow& layer) {
      return has_warning(layer, word) ||
             (word == kFitFailed && is_without_fit(layer) && !is_adapter_alone(layer.dtype));
    };
    const auto is_worse = [&](const LayerRow& a, const LayerRow& b) {
      return badness(word, a) < badness(word, b);
    };
    AttentionGroup group = group_of(kind.word, kind.meaning, layers, belongs, is_worse);
    if (!group.layers.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

std::vector<AttentionGroup> layers_that_need_attention(const std::vector<LayerRow>& layers) {
  return groups_of(layers, false);
}

std::int64_t count_layers(const std::vector<AttentionGroup>& groups) {
  std::set<const LayerRow*> distinct;
  for (const AttentionGroup& group : groups) {
    distinct.insert(group.layers.begin(), group.layers.end());
  }
  return static_cast<std::int64_t>(distinct.size());
}

std::vector<AttentionGroup> remarks_on(const std::vector<LayerRow>& layers) {
  std::vector<AttentionGroup> groups = groups_of(layers, true);
  groups.push_back(group_of(
      "alpha < 2", "WeightWatcher calls such layers over-trained. Healthy small models have many.",
      layers, is_below_limits,
      [](const LayerRow& a, const LayerRow& b) { return a.alpha < b.alpha; }));
  groups.push_back(group_of(
      "alpha > 6",
      "WeightWatcher calls such layers under-trained. So are 63 % of the value projections "
      "of public models.",
      layers, is_above_limits,
      [](const LayerRow& a, const LayerRow& b) { return a.alpha > b.alpha; }));
  std::erase_if(groups, [](const AttentionGroup& group) { return group.layers.empty(); });
  return groups;
}

}  // namespace wishart::analysis
