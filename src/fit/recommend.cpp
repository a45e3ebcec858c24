#include "wishart/fit/recommend.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace wishart::fit {
namespace {

constexpr std::int64_t kMinEvals = 50;
constexpr double kLowestRate = 0.5;  // TempBalance's s1, s2
constexpr double kHighestRate = 1.5;
constexpr double kPruningSpread = 0.3;    // AlphaPruning's epsilon
constexpr double kLowestDecay = 2.0 / 3;  // AlphaDecay's
constexpr double kHighestDecay = 3.0;

/// The range of the values seen, which is mapped linearly to another range.
class Range {
public:
  void take(double value) {
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }
  [[nodiscard]] double mapped(double value, double low, double high, double if_flat) const {
    if (!(most_ > least_)) return if_flat;
    return low + (value - least_) / (most_ - least_) * (high - low);
  }

private:
  double least_ = std::numeric_limits<double>::infinity();
  double most_ = -std::numeric_limits<double>::infinity();
};

/// Sums over the layers of a block.
struct Block {
  double sum = 0;
  double count = 0;
  double params = 0;
  double factor = 1;
};

}  // namespace

void recommend(std::vector<LayerRow>& layers) {
  const bool blocks_known = std::any_of(layers.begin(), layers.end(),
                                        [](const LayerRow& layer) { return layer.block >= 0; });
  std::vector<LayerRow*> compared;
  Range range;
  std::map<std::pair<std::string, std::int64_t>, Block> blocks;
  for (LayerRow& layer : layers) {
    layer.tempbalance_lr = layer.alphapruning_sparsity = layer.alphadecay_wd = kNan;
    if (blocks_known && layer.block < 0) continue;
    if (layer.num_evals < kMinEvals || !std::isfinite(layer.alpha_hill)) continue;
    compared.push_back(&layer);
    range.take(layer.alpha_hill);
    Block& block = blocks[{layer.stack, layer.block}];
    block.sum += layer.alpha_hill;
    block.count += 1;
    block.params += static_cast<double>(layer.num_params);
  }
  Range block_range;
  for (const auto& [name, block] : blocks) block_range.take(block.sum / block.count);
  double weighted = 0;
  double params = 0;
  for (auto& [name, block] : blocks) {
    block.factor =
        block_range.mapped(block.sum / block.count, 1 - kPruningSpread, 1 + kPruningSpread, 1);
    weighted += block.factor * block.params;
    params += block.params;
  }
  for (LayerRow* layer : compared) {
    layer->tempbalance_lr = range.mapped(layer->alpha_hill, kLowestRate, kHighestRate, 1);
    layer->alphadecay_wd = range.mapped(layer->alpha_hill, kLowestDecay, kHighestDecay, 1);
    layer->alphapruning_sparsity =
        blocks.at({layer->stack, layer->block}).factor * params / weighted;
  }
}

}  // namespace wishart::fit
