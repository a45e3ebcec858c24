#pragma once

/// @file
/// Recomputes metrics from stored spectra.

#include <cstddef>
#include <filesystem>

#include "wishart/fit/options.hpp"

#include "scan/locks/kept_lock.hpp"

namespace wishart::job {

/// Replaces an archive file by one with the same spectra and mode and new metrics, on `threads`
/// threads (0: all cores of this machine).
/// @param lock  of the checkpoint
/// @return the number of layers
/// @throws Error, also if the lock was lost; the file is then unchanged
std::size_t refit_file(const std::filesystem::path& file, fit::FitOptions options, int threads,
                       KeptLock& lock);

}  // namespace wishart::job
