#pragma once

/// @file
/// The command line of `wishart synth`; its parser is declared with the others.

#include "options/command_options.hpp"

namespace wishart::job {

[[nodiscard]] Command synth_command();

}  // namespace wishart::job
