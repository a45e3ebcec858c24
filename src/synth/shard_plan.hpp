#pragma once

/// @file
/// The place of each tensor: which file, and where in it.

#include <cstdint>
#include <string>
#include <vector>

#include "tensor_spec.hpp"

namespace wishart::synth {

/// Where a tensor's bytes begin.
struct Placement {
  std::size_t shard = 0;
  std::int64_t offset_bytes = 0;  ///< from the start of the file
};

struct Shard {
  std::string name;    ///< `model-00001-of-00004.safetensors`
  std::string header;  ///< length and JSON, padded so that the data are aligned
  std::int64_t size_bytes = 0;
};

struct ShardPlan {
  std::vector<Shard> shards;
  std::vector<Placement> placements;  ///< one for each tensor
  std::int64_t total_bytes = 0;       ///< of the tensors
};

/// Puts tensors one after the other into files with at most `shard_bytes` of data. A larger tensor
/// gets a file of its own.
[[nodiscard]] ShardPlan plan_shards(const std::vector<TensorSpec>& tensors,
                                    std::int64_t shard_bytes);

/// model.safetensors.index.json.
[[nodiscard]] std::string index_json(const ShardPlan& plan, const std::vector<TensorSpec>& tensors);

}  // namespace wishart::synth
