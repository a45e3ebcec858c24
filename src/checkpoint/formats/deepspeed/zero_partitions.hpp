#pragma once

/// @file
/// ZeRO stage 3: every parameter flattened and divided among all ranks, the pieces one behind the
/// other in each rank's groups. With tensor parallelism, each model-parallel rank's piece of a
/// parameter is divided among the data-parallel ranks that have it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "formats/parallel/parallel.hpp"

namespace wishart::checkpoint {

/// The two files of a rank, by their names.
struct ZeroRankFiles {
  std::string model_states;
  std::string optimizer_states;
};

/// Those of data-parallel ranks, which have the same model-parallel rank, by their numbers.
using ZeroRanks = std::map<std::int64_t, ZeroRankFiles>;

/// Reads all parameters from the float32 copies in the optimizer's states; frozen ones and buffers
/// from the model's states.
/// @param ranks  by model-parallel rank
/// @throws Error with Blame::input if a rank is missing or the pieces do not add up
void read_zero_partitions(const std::filesystem::path& root,
                          const std::map<std::int64_t, ZeroRanks>& ranks, Weights& checkpoint);

}  // namespace wishart::checkpoint
