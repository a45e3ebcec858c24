#pragma once

/// @file
/// The options that say how a scan runs: when it ends, and what it shows meanwhile.

#include "options/command_options.hpp"

namespace wishart::job {

/// --time-limit, --until, --wait-for-lock, --stage-dir and --progress of a scan.
void add_running_options(po::options_description& options);
/// @throws Error with Blame::usage that names the option
void take_running_options(ScanOptions& options, const po::variables_map& values);

/// 90, 90s, 15m, 2h, 1:30 (hours and minutes) or 1:30:00 in seconds.
/// @throws Error with Blame::usage that names `option`
[[nodiscard]] double seconds_of(const char* option, const std::string& text);

/// --wait-for-lock by itself, for the other commands that lock.
void add_wait_option(po::options_description& options);
/// The seconds of --wait-for-lock; 0 if it is not given.
/// @throws Error with Blame::usage
[[nodiscard]] double wait_seconds_of(const po::variables_map& values);

}  // namespace wishart::job
