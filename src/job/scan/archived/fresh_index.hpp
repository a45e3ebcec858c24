#pragma once

/// @file
/// The index of an archive after its files have changed.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::job {

/// Brings the index of `folder` up to date. It can be rebuilt at any time, so a failure is only
/// told.
/// @return sentences for people; none if all went well
[[nodiscard]] std::vector<std::string> refreshed_index(const std::filesystem::path& folder);

}  // namespace wishart::job
