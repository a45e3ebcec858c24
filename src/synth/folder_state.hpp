#pragma once

/// @file
/// What is already in the folder that a checkpoint is to be written to.

#include <filesystem>
#include <string>

#include "shard_plan.hpp"

namespace wishart::synth {

inline constexpr const char* kOptionsName = "synth.json";
inline constexpr const char* kIndexName = "model.safetensors.index.json";
/// Suffix of the name of an incomplete file.
inline constexpr const char* kPartSuffix = ".part";

/// Creates the folder, or checks what is in it.
/// @return true if an earlier run with these options has finished
/// @throws Error with Blame::usage if it holds something else, Blame::resource if it cannot be
/// created or its disk has too little space for the plan
[[nodiscard]] bool prepare_folder(const std::filesystem::path& folder, const std::string& options,
                                  const ShardPlan& plan);

}  // namespace wishart::synth
