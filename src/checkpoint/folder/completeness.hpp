#pragma once

/// @file
/// Whether a checkpoint of a history is complete, judged by what writers leave last.

#include <filesystem>
#include <string>

#include "folder/weights_folder.hpp"

namespace wishart::checkpoint {

/// What is still missing in the checkpoint `folder`, which has `weights`, as the end of a sentence;
/// empty if nothing is known to be missing.
/// `siblings_have_state`: other checkpoints of the history have a trainer_state.json, which the
/// Trainer of Hugging Face writes after the weights.
[[nodiscard]] std::string missing_part(const std::filesystem::path& folder,
                                       const WeightsFolder& weights, bool siblings_have_state);

}  // namespace wishart::checkpoint
