#pragma once

/// @file
/// The name of an analysis in the archive.

#include <filesystem>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// The name of a checkpoint, with special characters replaced by `_`. Its id, if nothing else is
/// asked for.
[[nodiscard]] std::string plain_name(const std::filesystem::path& path);

/// The id from `options`, or else one made from the names of the checkpoint and, if there is one,
/// the base: `checkpoint-600`, `checkpoint-600-base-checkpoint-450`, `adapter-with-base-llama`. It
/// does not depend on the content of the archive.
/// @param path  absolute path of the checkpoint
/// @throws Error with Blame::usage if the id is reserved
[[nodiscard]] std::string checkpoint_id(const std::filesystem::path& path,
                                        const ScanOptions& options);

}  // namespace wishart::job
