#pragma once

/// @file
/// Checkpoints of torch.distributed.checkpoint: `.metadata`, and chunks in `.distcp` files.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

struct DistributedCheckpoint {
  std::vector<SourceFile> files;  ///< `.metadata` first
  std::vector<Tensor> tensors;
  std::vector<std::string> warnings;
};

/// Reads `.metadata` and the headers of the chunks of weights; training state is skipped. `inside`
/// is the folder of `.metadata` below `root`; file names are relative to it.
/// @throws Error with Blame::input
[[nodiscard]] DistributedCheckpoint read_distributed(const std::filesystem::path& root,
                                                     const std::string& inside);

/// True if the relative `path` stays inside its folder, on any system.
[[nodiscard]] bool is_inner_path(std::string_view path);

/// Throws unless the extents tile the tensor, without overlaps and gaps.
void check_tiling(const Tensor& tensor, const std::string& place);

}  // namespace wishart::checkpoint
