#pragma once

/// @file
/// The options that a command line or a job file set, to be handed on to another command.

#include <string>
#include <vector>

#include "options/command_options.hpp"

namespace wishart::job {

/// What was set of the options in `table`, in its order, those in `except` left out: by flags and
/// by a job file, not by defaults. Whoever adds an option to the table need not think of this.
[[nodiscard]] std::vector<GivenOption> given_options(const po::variables_map& values,
                                                     const po::options_description& table,
                                                     const std::vector<std::string>& except);

/// As words for a shell, each after a space: ` --randomize 2 --base 'my base'`. With `absolute`,
/// paths are made absolute.
[[nodiscard]] std::string given_words(const std::vector<GivenOption>& options, bool absolute);

}  // namespace wishart::job
