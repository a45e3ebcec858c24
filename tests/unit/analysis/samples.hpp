#pragma once

/// @file
/// Small records with layers whose numbers a test sets.

#include <cmath>
#include <string>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::test {

/// A layer of 8 x 4 with the spectrum `sigma` (ascending), an alpha of 3 +- 0.3 and a hash.
inline LayerRow sample_layer(const std::string& key, const std::string& hash = "1") {
  LayerRow row;
  row.key = row.longname = key;
  row.role = key.find("mlp") != std::string::npos ? "mlp.up" : "attention.q";
  row.block = 0;
  row.rows = row.N = 8;
  row.cols = row.M = 4;
  row.num_evals = 4;
  row.num_params = 32;
  row.has_esd = true;
  row.status = "success";
  row.alpha = 3;
  row.sigma = 0.3;
  row.log_norm = 1;
  row.log_spectral_norm = 0.5;
  row.stable_rank = 3;
  row.matrix_rank = 4;
  row.num_outliers = 0;
  row.hash = hash;
  return row;
}

inline void add_layer(CheckpointRecord& record, const LayerRow& row,
                      const std::vector<double>& sigma = {1, 2, 3, 4}) {
  record.layers.push_back(row);
  record.layers.back().layer_id = static_cast<std::int64_t>(record.layers.size()) - 1;
  record.spectra.push_back({sigma, {sigma.front()}, {sigma.back()}, {0}});
}

/// Three layers: `a.mlp`, `b.attn`, `c.mlp` in blocks 0, 1, 2.
inline CheckpointRecord sample_checkpoint(const std::string& id = "base") {
  CheckpointRecord record;
  record.provenance.checkpoint_id = id;
  std::int64_t block = 0;
  for (const char* key : {"a.mlp", "b.attn", "c.mlp"}) {
    LayerRow row = sample_layer(key, key);
    row.block = block++;
    add_layer(record, row);
  }
  return record;
}

/// The text of the Error that `act` throws, after its blame.
template <class Act>
std::string error_of(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.blame())) + ": " + error.what();
  }
  return "no error";
}

}  // namespace wishart::test
