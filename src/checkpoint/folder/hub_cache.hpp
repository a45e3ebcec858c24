#pragma once

/// @file
/// The hub's cache: `models--org--name` with snapshots by commit, and names of revisions for them.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::checkpoint {

/// The folders of snapshots that `folder`, a model of the hub's cache, has a revision for; empty if
/// it is none.
[[nodiscard]] std::vector<std::filesystem::path> hub_snapshots(const std::filesystem::path& folder);

}  // namespace wishart::checkpoint
