#include "worst_first.hpp"

#include <algorithm>

#include "wishart/analysis/attention.hpp"
#include "wishart/core/text.hpp"

namespace wishart::report {

std::vector<std::size_t> worst_first(const std::vector<LayerRow>& layers) {
  std::vector<std::size_t> order;
  order.reserve(layers.size());
  std::vector<bool> taken(layers.size(), false);
  const auto take = [&](std::size_t i) {
    if (taken[i]) return;
    taken[i] = true;
    order.push_back(i);
  };
  for (const auto& groups :
       {analysis::layers_that_need_attention(layers), analysis::remarks_on(layers)}) {
    for (const auto& group : groups) {
      for (const LayerRow* layer : group.layers) {
        take(static_cast<std::size_t>(layer - layers.data()));
      }
    }
  }
  const std::size_t with_words = order.size();
  for (std::size_t i = 0; i < layers.size(); ++i) take(i);
  std::stable_sort(
      order.begin() + static_cast<std::ptrdiff_t>(with_words), order.end(),
      [&](std::size_t a, std::size_t b) { return natural_less(layers[a].key, layers[b].key); });
  return order;
}

}  // namespace wishart::report
