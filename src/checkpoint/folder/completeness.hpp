#pragma once

/// @file
/// Whether a checkpoint of a history is complete, judged by what writers leave last.

#include <filesystem>
#include <string>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// What is still missing, as the end of a sentence; empty if nothing is known to be missing.
/// `siblings_have_state`: other checkpoints of the history have a trainer_state.json, which the
/// Trainer of Hugging Face writes after the weights.
[[nodiscard]] std::string missing_part(const std::filesystem::path& folder,
                                       const FolderContent& content, bool siblings_have_state);

}  // namespace wishart::checkpoint
