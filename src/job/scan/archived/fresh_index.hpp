#pragma once

/// @file
/// The index of an archive after its files have changed.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::job {

/// What there is to tell of an index, in sentences for people.
struct FreshIndex {
  std::vector<std::string> unreadable;  ///< files of which it has no numbers
  std::string failure;                  ///< why it is not up to date; empty: it is
};

/// Brings the index of `folder` up to date. It can be rebuilt at any time, so a failure is only
/// told.
[[nodiscard]] FreshIndex refreshed_index(const std::filesystem::path& folder);

}  // namespace wishart::job
