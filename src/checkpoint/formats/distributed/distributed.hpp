#pragma once

/// @file
/// Checkpoints of torch.distributed.checkpoint: `.metadata`, and chunks in `.distcp` files.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// Reads `.metadata` and the headers of the chunks of weights; training state is skipped. `inside`
/// is the folder of `.metadata` below `root`; file names are relative to it. `.metadata` is the
/// first file.
/// @throws Error with Blame::input
[[nodiscard]] Weights read_distributed(const std::filesystem::path& root,
                                       const std::string& inside);

/// torch.distributed.checkpoint.
[[nodiscard]] const Format& distributed_format();

}  // namespace wishart::checkpoint
