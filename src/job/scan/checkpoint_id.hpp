#pragma once

/// @file
/// What an analysis is called in the archive.

#include <filesystem>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// The id that `options` asks for, else the name of the checkpoint, made plain, and, where a base
/// takes part, that of the base: `checkpoint-600`, `checkpoint-600-base-checkpoint-450`,
/// `adapter-with-base-llama`. It does not depend on what the archive has.
/// @param path  of the checkpoint, absolute
/// @throws Error with Blame::usage if it is reserved
[[nodiscard]] std::string checkpoint_id(const std::filesystem::path& path,
                                        const ScanOptions& options);

}  // namespace wishart::job
