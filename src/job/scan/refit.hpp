#pragma once

/// @file
/// All metrics again, from stored spectra.

#include <cstddef>
#include <filesystem>

#include "wishart/archive/lock.hpp"
#include "wishart/fit/options.hpp"

namespace wishart::job {

/// Replaces an archive file by one with the same spectra and new metrics, over `threads` threads
/// (0: as many as the machine runs at once). The mode stays what it was.
/// @param lock  of the checkpoint, held; it is kept alive meanwhile
/// @return the number of layers
/// @throws Error, also if the lock was lost; the file is then as it was
std::size_t refit_file(const std::filesystem::path& file, fit::FitOptions options, int threads,
                       archive::CheckpointLock& lock);

}  // namespace wishart::job
