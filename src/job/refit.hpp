#pragma once

/// @file
/// All metrics again, from stored spectra.

#include <cstddef>
#include <filesystem>

#include "wishart/fit/options.hpp"

namespace wishart::job {

/// Replaces an archive file by one with the same spectra and new metrics, over `threads` threads
/// (0: as many as the machine runs at once). The mode stays what it was.
/// @return the number of layers
/// @throws Error; the file is then as it was
std::size_t refit_file(const std::filesystem::path& file, fit::FitOptions options, int threads);

}  // namespace wishart::job
