#pragma once

/// @file
/// The command lines of `compare`, `gate`, `index`, `merge`, `rank` and `verify`.

#include "options/command_options.hpp"

namespace wishart::job {

[[nodiscard]] Command compare_command();
[[nodiscard]] Command gate_command();
[[nodiscard]] Command index_command();
[[nodiscard]] Command merge_command();
[[nodiscard]] Command rank_command();
[[nodiscard]] Command verify_command();

/// --window of `report` and `export`.
void add_window_option(po::options_description& options);
/// @throws Error with Blame::usage
[[nodiscard]] std::int64_t window_of(const po::variables_map& values);

}  // namespace wishart::job
