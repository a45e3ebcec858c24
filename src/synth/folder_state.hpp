#pragma once

/// @file
/// What already stands in the folder that a checkpoint is to be written to.

#include <filesystem>
#include <string>

#include "shard_plan.hpp"

namespace wishart::synth {

inline constexpr const char* kOptionsName = "synth.json";
inline constexpr const char* kIndexName = "model.safetensors.index.json";
/// Behind the name of a file that is not whole yet.
inline constexpr const char* kPartSuffix = ".part";

/// Makes the folder, or looks at what is in it.
/// @return true if an earlier run with these options has finished
/// @throws Error with Blame::usage if it holds something else, Blame::resource if it cannot be
/// made, or its disk has less space than the plan takes
[[nodiscard]] bool prepare_folder(const std::filesystem::path& folder, const std::string& options,
                                  const ShardPlan& plan);

}  // namespace wishart::synth
