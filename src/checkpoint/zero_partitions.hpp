#pragma once

/// @file
/// ZeRO stage 3: every parameter flattened and divided among all ranks, the pieces one behind the
/// other in each rank's groups.

#include <filesystem>
#include <map>
#include <string>

#include "parallel.hpp"

namespace wishart::checkpoint {

/// The two files of a data-parallel rank, by their names.
struct ZeroRankFiles {
  std::string model_states;
  std::string optimizer_states;
};

/// Reads all parameters from the float32 copies in the optimizer's states; frozen ones and buffers
/// from the model's states.
/// @throws Error with Blame::input if a rank is missing or the pieces do not add up
void read_zero_partitions(const std::filesystem::path& root,
                          const std::map<std::int64_t, ZeroRankFiles>& ranks,
                          ParallelCheckpoint& checkpoint);

}  // namespace wishart::checkpoint
