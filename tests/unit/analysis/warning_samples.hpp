#pragma once

/// @file
/// Layers as public models have them, and models of such layers.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/analysis/usual.hpp"

#include "samples.hpp"

namespace wishart::test {

/// A layer of a public model: its alpha, D, norm and stable rank are the medians of its group.
inline LayerRow usual_layer(const std::string& key, const std::string& role, std::int64_t side) {
  LayerRow row = sample_layer(key, "");
  row.role = role;
  row.N = row.M = row.num_evals = row.matrix_rank = side;
  row.num_pl_spikes = 100;
  row.lambda_max = row.xmax = 9;
  const auto median = [&](analysis::UsualMetric metric) {
    return analysis::usual_value(role, side, metric, 50);
  };
  row.alpha = median(analysis::UsualMetric::alpha);
  row.D = median(analysis::UsualMetric::distance);
  row.log_norm = median(analysis::UsualMetric::log_norm);
  row.stable_rank = median(analysis::UsualMetric::stable_rank_share) * static_cast<double>(side);
  return row;
}

/// A model of 12 blocks with one layer each, of a size that the population does not have.
inline std::vector<LayerRow> blocks_of(std::int64_t side) {
  std::vector<LayerRow> layers;
  for (int block = 0; block < 12; ++block) {
    LayerRow row = usual_layer("block." + std::to_string(block), "attention.q", 4096);
    row.N = row.M = row.num_evals = row.matrix_rank = side;
    row.block = block;
    row.alpha = 3 + 0.1 * block;
    row.log_norm = 1 + 0.02 * block;
    layers.push_back(row);
  }
  return layers;
}

}  // namespace wishart::test
