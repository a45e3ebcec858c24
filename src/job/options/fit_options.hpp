#pragma once

/// @file
/// Options that affect metrics, for `scan` and `refit`, and the command line of `refit`.

#include "wishart/fit/options.hpp"

#include "options/command_options.hpp"

namespace wishart::job {

void add_fit_options(po::options_description& options);
/// @throws Error with Blame::usage
[[nodiscard]] fit::FitOptions fit_options_of(const po::variables_map& values);

[[nodiscard]] Command refit_command();

}  // namespace wishart::job
