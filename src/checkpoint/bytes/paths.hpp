#pragma once

/// @file
/// Paths of checkpoints and of what is in them.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

/// Names of the entries of a folder, hidden ones too, in no order.
/// @throws Error with Blame::input if it cannot be listed
[[nodiscard]] std::vector<std::string> list_folder(const std::filesystem::path& folder);

/// `path`, absolute and without a slash at its end.
[[nodiscard]] std::filesystem::path absolute_path(const std::filesystem::path& path);

/// True if `path` names a file below the folder that it is relative to, on any system.
[[nodiscard]] bool is_inner_path(std::string_view path);

}  // namespace wishart::checkpoint
