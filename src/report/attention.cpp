#include "attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/report/report.hpp"

namespace wishart::report {
namespace {

struct Kind {
  const char* warning;
  const char* meaning;
  /// Sorts layers with this warning: smaller is worse.
  double (*badness)(const LayerRow&);
};

bool has_values(const LayerRow& layer) { return layer.has_esd && layer.lambda_max > 0; }

double in_order(const LayerRow& layer) { return static_cast<double>(layer.layer_id); }

constexpr std::array<Kind, 11> kKinds{{
    {"error",
     "These layers could not be computed. See the reason of each; remove the cause and run the "
     "scan "
     "again.",
     in_order},
    {"nonfinite",
     "These layers hold NaN or infinite elements: the checkpoint is damaged or training diverged. "
     "Do not use it.",
     [](const LayerRow& l) { return -static_cast<double>(l.num_nan + l.num_inf); }},
    {"adapter-dominates",
     "The adapter's change is more than twice as large as the weights that it is added to. The "
     "usual causes are a learning rate that is far too high, and a wrong base.",
     [](const LayerRow& l) { return -l.weights.delta_frobenius; }},
    {"adapter-collapsed",
     "The adapter's effective rank is nearer to 1 than to r: nearly all of the change is in a few "
     "directions. The usual cause is a learning rate that is too high; a smaller r would do too.",
     [](const LayerRow& l) {
       return l.adapter.adapter_effective_rank / static_cast<double>(l.adapter.adapter_rank);
     }},
    {"adapter-zero", "The adapter changes nothing: B is still zero, so nothing was learned.",
     in_order},
    {"fit-failed",
     "No power law could be fitted: too few eigenvalues above the floor, or all equal.", in_order},
    {"rank-collapse",
     "More than half of the singular values are zero within the resolution of the method.",
     [](const LayerRow& l) { return static_cast<double>(l.matrix_rank); }},
    {"over-trained",
     "alpha < 2: the tail is heavier than in well-trained layers. The usual causes are memorised "
     "data and a few dominant directions; check the learning rate, and the data for duplicates.",
     [](const LayerRow& l) { return l.alpha; }},
    {"under-trained",
     "alpha > 6: close to a random matrix. The layer has learned little, or is larger than "
     "necessary.",
     [](const LayerRow& l) { return -l.alpha; }},
    {"small-tail", "Fewer than 20 eigenvalues in the tail: alpha is uncertain by more than 20 %.",
     [](const LayerRow& l) { return static_cast<double>(l.num_pl_spikes); }},
    {kNoTail,
     "The spectrum has no power-law tail, like that of an orthogonal matrix. alpha would be "
     "meaningless, so it is left out, also of means. This is not a fault in itself.",
     in_order},
}};

}  // namespace

std::vector<AttentionGroup> layers_that_need_attention(const std::vector<LayerRow>& layers) {
  std::vector<AttentionGroup> groups;
  for (const Kind& kind : kKinds) {
    AttentionGroup group{kind.warning, kind.meaning, {}};
    for (const LayerRow& layer : layers) {
      // WeightWatcher calls a failed fit (alpha = -1) over-trained; here it is listed as failed.
      const bool failed = layer.status == "failed";
      const std::string warning = kind.warning;
      const bool belongs = warning == "fit-failed" ? failed
                           : warning == "over-trained" || warning == "under-trained"
                               ? !failed && analysis::has_warning(layer, warning)
                               : analysis::has_warning(layer, warning);
      if (belongs) group.layers.push_back(&layer);
    }
    if (group.layers.empty()) continue;
    std::stable_sort(
        group.layers.begin(), group.layers.end(),
        [&](const LayerRow* a, const LayerRow* b) { return kind.badness(*a) < kind.badness(*b); });
    groups.push_back(std::move(group));
  }
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
