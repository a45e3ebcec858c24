#pragma once

/// @file
/// Options of several commands: which tensors are analysed, and how.

#include "wishart/job/options.hpp"

#include "options/command_options.hpp"

namespace wishart::job {

/// --compat, --no-pool, --split-fused, --min-evals, --layers, --base, --with-base, --variant,
/// --allow-unknown: for scan, inspect and plan.
void add_selection_options(po::options_description& options);
/// @throws Error with Blame::usage
[[nodiscard]] SelectionArguments selection_of(const po::variables_map& values);

/// --method, --resolve, --precision, --solver, --threads-per-rank, --team-size,
/// --randomize, --farms, --memory-per-rank: for scan and plan.
void add_engine_options(po::options_description& options);
/// Reads them into `options`, whose `selection` must already be set.
/// @throws Error with Blame::usage
void take_engine_options(ScanOptions& options, const po::variables_map& values);
/// The id that `option` names.
/// @throws Error with Blame::usage if it is none
[[nodiscard]] std::string id_of(const po::variables_map& values, const char* option);

/// Everything that a scan takes beside its paths and its archive: all of the above, --id,
/// --no-reuse, --replace, and the options of the fit. `plan` takes the same, so that it plans any
/// scan, and hands on whatever was given (given_options.hpp).
void add_scan_options(po::options_description& options);
/// @throws Error with Blame::usage
void take_scan_options(ScanOptions& options, const po::variables_map& values);

/// Reads --threads-per-rank and --memory-per-rank alone, of a command that has no others of them.
/// @throws Error with Blame::usage
void take_threads_and_memory(ScanOptions& options, const po::variables_map& values);

}  // namespace wishart::job
