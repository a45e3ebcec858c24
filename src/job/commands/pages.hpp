#pragma once

/// @file
/// The files beside the program that are made from its options.

#include <filesystem>
#include <string>

namespace wishart::job {

/// Writes the manual pages and the completion for bash and zsh into `folder`, where the shells and
/// man look for them if it is the folder `share` of a prefix or `~/.local/share`. Existing files
/// are replaced.
///
/// @return a line that says what was written
/// @throws Error with Blame::resource
[[nodiscard]] std::string write_pages(const std::filesystem::path& folder);

}  // namespace wishart::job
