#pragma once

/// @file
/// Verifying a file that a stranger may have made.

#include <filesystem>

#include "wishart/archive/verify.hpp"

namespace wishart::job {

/// As archive::verify_file, in a child process with limits that grow with the file. If the child
/// does not come back, the file is `damaged`, and the finding says what happened.
/// @throws Error with Blame::resource if there can be no child
[[nodiscard]] archive::Verdict verify_foreign(const std::filesystem::path& file);
/// The same for archive::verify_index.
[[nodiscard]] archive::Verdict verify_foreign_index(const std::filesystem::path& folder);

}  // namespace wishart::job
