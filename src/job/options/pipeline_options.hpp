#pragma once

/// @file
/// The options of `export` for files that other programs read.

#include "options/command_options.hpp"

namespace wishart::job {

/// --for, --top, --energy, --max-rank, --map, --parameter, --model, --histograms.
void add_pipeline_options(po::options_description& options);

/// Reads them, and with them --format and --output.
/// @return false if the command line asks for a table of the archive; then nothing is read
/// @throws Error with Blame::usage for a value that is not understood, and for an option that has
///   no effect
[[nodiscard]] bool take_pipeline_options(ExportOptions& options, const po::variables_map& values);

}  // namespace wishart::job
