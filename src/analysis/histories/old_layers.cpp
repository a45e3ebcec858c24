#include "histories/old_layers.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "wishart/core/text.hpp"

#include "comparisons/copies.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

/// `block 1`, `blocks 0 to 3`; `such as KEY` where some are in no block, or in those of two stacks.
std::string place_of(const std::vector<const OldLayersFinder::Layer*>& layers) {
  std::set<std::int64_t> blocks;
  for (const OldLayersFinder::Layer* layer : layers) {
    if (layer->block < 0 || layer->stack != layers.front()->stack) {
      return (layers.size() > 1 ? "such as " : "") + named(std::string(layers.front()->key));
    }
    blocks.insert(layer->block);
  }
  return blocks_text(blocks);
}

}  // namespace

OldLayers OldLayersFinder::add(const std::string& checkpoint, const std::vector<Layer>& layers) {
  const std::size_t now = checkpoints_.size();
  checkpoints_.push_back(checkpoint);
  std::vector<const Layer*> old;
  std::map<std::size_t, std::int64_t> counts;  // of those with the values of each checkpoint
  bool others = false;
  std::int64_t resting = 0;
  for (const Layer& layer : layers) {
    if (layer.hash.empty()) continue;
    Past& past = pasts_[layer.key];
    if (past.form != layer.form) past = {{}, {}, layer.form, past.changed, false, past.rests};
    const bool stands = past.hash == layer.hash;
    if (!past.hash.empty() && !stands) {
      past.changed = true;
      past.rests = past.rests || past.stood;
    }
    past.stood = stands;
    past.hash = layer.hash;
    const auto [first, is_new] = past.first.try_emplace(layer.hash, now);
    // What appears now, or begins anew in another form, is not known to have changed.
    others = others || (is_new && past.first.size() > 1);
    if (is_new || !past.changed) continue;
    old.push_back(&layer);
    resting += stands && past.rests ? 1 : 0;
    ++counts[first->second];
  }
  OldLayers found;
  // Training by turns: whoever writes old weights does not go on from them.
  if (old.empty() || !others || 2 * resting >= std::ssize(old)) return found;
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  found.count = std::ssize(old);
  found.checkpoint = checkpoints_[most->first];
  found.several = counts.size() > 1;
  found.experts = std::all_of(old.begin(), old.end(), [](const Layer* l) { return l->is_expert; });
  found.where = place_of(old);
  return found;
}

std::string old_layers_text(const HistoryRow& row) {
  const OldLayers& old = row.old;
  if (old.count == 0) return {};
  const bool one = old.count == 1;
  return std::to_string(old.count) + " of the " + std::to_string(row.layers) + " matrices of " +
         named(row.checkpoint) + " (" + old.where + ") " +
         (one           ? "is that of "
          : old.several ? "are those of earlier checkpoints, most of them of "
                        : "are those of ") +
         named(old.checkpoint) + ", though " + (one ? "it" : "they") +
         " changed at other times and others did since: a rank wrote old weights, or " +
         (one ? "it was" : "they were") + " frozen" +
         (old.experts ? ", or no token is sent there any more." : ".");
}

}  // namespace wishart::analysis
