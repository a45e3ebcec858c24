#pragma once

/// @file
/// The Hugging Face hub cache: `models--org--name` with snapshots by commit, and revisions that
/// name them.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::checkpoint {

/// The snapshot folders that have a revision, if `folder` is a model of the hub cache; otherwise
/// empty.
[[nodiscard]] std::vector<std::filesystem::path> hub_snapshots(const std::filesystem::path& folder);

}  // namespace wishart::checkpoint
