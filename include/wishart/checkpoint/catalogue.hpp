#pragma once

/// @file
/// A checkpoint on disk: what it is, which tensors it has, where their bytes stand.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// The content of a checkpoint without its numbers.
///
/// Made by one rank, which alone parses text from strangers' files; the others get what they need
/// as validated numbers.
struct Catalogue {
  std::filesystem::path root;  ///< folder of the files, absolute
  std::string format;          ///< `safetensors`, `torch`, `torch.distributed.checkpoint`, ...
  std::vector<SourceFile> files;
  std::vector<Tensor> tensors;  ///< in natural order of their names, each name once
  /// Names that the writer dropped because their tensor is stored under another: dropped -> kept.
  std::vector<std::pair<std::string, std::string>> aliases;
  ModelConfig config;
  TrainingState training;
  std::vector<std::string> warnings;  ///< worth telling, not fatal

  /// XXH3-128 over the names, sizes, times of change and header hashes of the files.
  [[nodiscard]] std::string identity() const;
};

/// Opens a checkpoint: a file of weights, or a folder of one of the formats of docs/formats.md.
/// Reads headers and side files only.
/// @throws Error with Blame::input that names the file, what was expected and what was found
[[nodiscard]] Catalogue open_checkpoint(const std::filesystem::path& path);

/// True if `path` is something open_checkpoint would take: a file of weights, or a folder with one
/// of the file sets of docs/formats.md. Looks at names only.
[[nodiscard]] bool looks_like_checkpoint(const std::filesystem::path& path);

/// The checkpoints that `path` stands for: itself, or the checkpoints in a history folder, ordered
/// by training step. What is left out because it is still being written is told in `messages`.
/// @throws Error with Blame::input if there is none
[[nodiscard]] std::vector<std::filesystem::path> find_checkpoints(
    const std::filesystem::path& path, std::vector<std::string>& messages);
[[nodiscard]] std::vector<std::filesystem::path> find_checkpoints(
    const std::filesystem::path& path);

}  // namespace wishart::checkpoint
