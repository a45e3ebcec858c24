#pragma once

/// @file
/// The small JSON files beside the weights: config.json, trainer_state.json.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// Bound on trainer_state.json, which is read as a whole.
inline constexpr std::int64_t kMaxTrainerStateBytes = std::int64_t{512} << 20;

/// `config.json` of the folder. A missing file gives an empty config. A broken one gives an empty
/// config and a warning, because the weights can be analysed without it.
[[nodiscard]] ModelConfig read_model_config(const std::filesystem::path& folder,
                                            std::vector<std::string>& warnings);

/// nanochat (92d63d4, nanochat/checkpoint_manager.py) has all checkpoints of a run in one folder:
/// `model_000500.pt` beside `meta_000500.json`, which has the step. The name of the latter; empty
/// if `name`, with or without its ending, is not of this kind.
[[nodiscard]] std::string meta_file(std::string_view name);

/// Step, tokens and losses from `trainer_state.json` of the folder; step and tokens that it does
/// not contain come from `name` (step_name.hpp), or the step from nanochat's `meta_N.json`. Losses
/// are those of the last record up to the step. A broken file gives a warning.
/// @param folder  of the weights, or the file of them
[[nodiscard]] TrainingState read_training_state(const std::filesystem::path& folder,
                                                std::string_view name,
                                                std::vector<std::string>& warnings);

}  // namespace wishart::checkpoint
