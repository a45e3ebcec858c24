#pragma once

/// @file
/// Which folder of a checkpoint has its weights: trainers may give them one of their own.

#include <filesystem>
#include <string_view>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// A folder with weights, and what it holds.
struct WeightsFolder {
  std::filesystem::path path;
  FolderContent content;
};

/// The weights of the checkpoint `folder`: of NeMo AutoModel in `model/consolidated` or `model`, of
/// others in `folder` itself.
/// @throws Error with Blame::input if a folder cannot be listed
[[nodiscard]] WeightsFolder weights_in(const std::filesystem::path& folder);

/// True for the name of a folder that holds the states of an optimizer and nothing else.
[[nodiscard]] bool is_optimizer_folder(std::string_view name);

}  // namespace wishart::checkpoint
