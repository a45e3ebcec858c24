#pragma once

/// @file
/// The folder of a training run: its checkpoints, and those that are still being written.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::checkpoint {

/// A folder of a history that is still being written, and what it lacks.
struct Unfinished {
  std::filesystem::path path;
  std::string missing;
};

/// What a path holds: itself, if it is a checkpoint, or the checkpoints in its folders.
struct History {
  std::vector<std::filesystem::path> checkpoints;  ///< ordered by training step
  std::vector<Unfinished> unfinished;              ///< in natural order of their paths
  std::vector<std::string> unread;                 ///< a sentence for each file that is not read
  std::string unsupported;                         ///< what else was found; empty: nothing
  bool in_parts = false;  ///< the path is no checkpoint itself, but holds some or one unfinished
};

/// Looks at names and trackers only; opens no weights. Empty if there is no such folder.
/// @throws Error with Blame::input for an archive of wishart, whose files look like Keras weights,
/// and for a pipeline of diffusers, which consists of several models
[[nodiscard]] History history_at(const std::filesystem::path& path);

}  // namespace wishart::checkpoint
