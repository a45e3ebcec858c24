#pragma once

/// @file
/// Shards that torch.distributed.checkpoint writes as safetensors: pieces of tensors in many files.

#include <filesystem>
#include <string_view>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// The key of the header's metadata that tells which pieces a file holds.
inline constexpr std::string_view kShardingInfo = "DCP_SHARDING_INFO";

/// If the metadata in `names` have kShardingInfo, gives each tensor of this file that it lists its
/// place in the whole tensor, as an extent, and the name of the whole tensor.
/// @throws Error with Blame::input if the info does not match the tensors
void place_pieces(Weights& weights, const std::filesystem::path& file);

/// Joins pieces of the same name, from all files, to whole tensors. A warning says if the files do
/// not tell the sizes of the whole tensors, so that a missing last shard could not be seen.
/// @throws Error with Blame::input if pieces overlap, leave a hole or differ in type
void join_pieces(Catalogue& catalogue);

}  // namespace wishart::checkpoint
