#pragma once

/// @file
/// The command line of `wishart synth`.

#include "options/command_options.hpp"

namespace wishart::job {

[[nodiscard]] Command synth_command();

}  // namespace wishart::job
