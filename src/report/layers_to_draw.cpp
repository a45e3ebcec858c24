#include <algorithm>
#include <cmath>

#include "wishart/analysis/attention.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/report/report.hpp"

namespace wishart::report {
namespace {

bool has_values(const LayerRow& layer) { return layer.has_esd && layer.lambda_max > 0; }

}  // namespace

std::vector<std::size_t> layers_to_draw(const std::vector<LayerRow>& layers, std::size_t most) {
  std::vector<std::size_t> chosen;
  std::vector<bool> taken(layers.size(), false);
  const auto take = [&](std::size_t i) {
    if (chosen.size() >= most || taken[i] || !has_values(layers[i])) return;
    taken[i] = true;
    chosen.push_back(i);
  };
  const std::vector<analysis::AttentionGroup> groups = analysis::layers_that_need_attention(layers);
  std::size_t longest = 0;
  for (const analysis::AttentionGroup& group : groups)
    longest = std::max(longest, group.layers.size());
  for (std::size_t place = 0; place < longest && chosen.size() < most; ++place) {
    for (const analysis::AttentionGroup& group : groups) {
      if (place >= group.layers.size()) continue;
      take(static_cast<std::size_t>(group.layers[place] - layers.data()));
    }
  }
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (std::isfinite(alpha_if_fitted(layers[i]))) rest.push_back(i);
  }
  std::stable_sort(rest.begin(), rest.end(),
                   [&](std::size_t a, std::size_t b) { return layers[a].alpha < layers[b].alpha; });
  for (const std::size_t i : rest) take(i);
  return chosen;
}

}  // namespace wishart::report
