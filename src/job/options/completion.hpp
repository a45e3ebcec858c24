#pragma once

/// @file
/// Completion of command lines in shells, from the options of each command.

#include <string>
#include <vector>

#include "options/help.hpp"

namespace wishart::job {

/// The words that the value of an option can be, if its text lists them (`auto, plain, json or
/// none`) or its value is called after them (`double|single`, `weightwatcher`); else none.
[[nodiscard]] std::vector<std::string> choices_of(const po::option_description& option);

/// For bash 4 or newer, without the package bash-completion.
[[nodiscard]] std::string bash_completion();

/// For zsh, as a file `_wishart` in a folder of its fpath.
[[nodiscard]] std::string zsh_completion();

}  // namespace wishart::job
