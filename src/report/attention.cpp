#include "attention.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/row_warnings.hpp"
#include "wishart/report/report.hpp"

namespace wishart::report {
namespace {

bool has_values(const LayerRow& layer) { return layer.has_esd && layer.lambda_max > 0; }

/// Sorts the layers of a group: smaller is worse.
double badness(std::string_view word, const LayerRow& layer) {
  if (word == "nonfinite") return -static_cast<double>(layer.num_nan + layer.num_inf);
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
  for (const analysis::WarningKind& kind : analysis::warning_kinds()) {
    if (kind.remark != remarks) continue;
    const std::string word(kind.word);
    // In compat mode the column does not have this word.
    const auto belongs = [&](const LayerRow& layer) {
      return analysis::has_warning(layer, word) ||
             (word == kFitFailed && layer.status == "failed" && !is_adapter_alone(layer.dtype));
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

std::vector<AttentionGroup> remarks_on(const std::vector<LayerRow>& layers) {
  std::vector<AttentionGroup> groups = groups_of(layers, true);
  groups.push_back(group_of(
      "alpha < 2", "WeightWatcher calls such layers over-trained. Healthy small models have many.",
      layers, analysis::is_below_limits,
      [](const LayerRow& a, const LayerRow& b) { return a.alpha < b.alpha; }));
  groups.push_back(group_of(
      "alpha > 6",
      "WeightWatcher calls such layers under-trained. So are 63 % of the value projections "
      "of public models.",
      layers, analysis::is_above_limits,
      [](const LayerRow& a, const LayerRow& b) { return a.alpha > b.alpha; }));
  std::erase_if(groups, [](const AttentionGroup& group) { return group.layers.empty(); });
  return groups;
}

std::vector<std::size_t> layers_to_draw(const std::vector<LayerRow>& layers, std::size_t most) {
  std::vector<std::size_t> chosen;
  std::vector<bool> taken(layers.size(), false);
  const auto take = [&](std::size_t i) {
    if (chosen.size() >= most || taken[i] || !has_values(layers[i])) return;
    taken[i] = true;
    chosen.push_back(i);
  };
  const std::vector<AttentionGroup> groups = layers_that_need_attention(layers);
  std::size_t longest = 0;
  for (const AttentionGroup& group : groups) longest = std::max(longest, group.layers.size());
  for (std::size_t place = 0; place < longest && chosen.size() < most; ++place) {
    for (const AttentionGroup& group : groups) {
      if (place >= group.layers.size()) continue;
      take(static_cast<std::size_t>(group.layers[place] - layers.data()));
    }
  }
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (std::isfinite(layers[i].alpha)) rest.push_back(i);
  }
  std::stable_sort(rest.begin(), rest.end(),
                   [&](std::size_t a, std::size_t b) { return layers[a].alpha < layers[b].alpha; });
  for (const std::size_t i : rest) take(i);
  return chosen;
}

}  // namespace wishart::report
