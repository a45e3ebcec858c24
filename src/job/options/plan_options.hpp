#pragma once

/// @file
/// The command line of `wishart plan`.

#include "options/command_options.hpp"

namespace wishart::job {

[[nodiscard]] Command plan_command();

}  // namespace wishart::job
