#pragma once

/// @file
/// ZeRO stage 3: every parameter is flattened and divided among all ranks; each rank stores its
/// pieces one after the other in its groups. With tensor parallelism, each model-parallel rank's
/// piece of a parameter is divided among the data-parallel ranks that have it.

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

/// The files of the data-parallel ranks that share a model-parallel rank, by data-parallel rank.
using ZeroRanks = std::map<std::int64_t, ZeroRankFiles>;

/// Reads all parameters from the float32 copies in the optimizer states; frozen parameters and
/// buffers from the model states.
/// @param ranks  by model-parallel rank
/// @throws Error with Blame::input if a rank is missing or the pieces do not add up
void read_zero_partitions(const std::filesystem::path& root,
                          const std::map<std::int64_t, ZeroRanks>& ranks, Weights& checkpoint);

}  // namespace wishart::checkpoint
