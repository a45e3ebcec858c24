#pragma once

/// @file
/// The command line of `wishart plan`; its parser is declared with the others.

#include "options/command_options.hpp"

namespace wishart::job {

[[nodiscard]] Command plan_command();

}  // namespace wishart::job
