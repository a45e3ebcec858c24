#pragma once

/// @file
/// The whole program as a function.

#include <iosfwd>
#include <span>
#include <string>

namespace wishart::job {

/// Runs `wishart ARGUMENTS...` and returns the exit code. Results go to `out`, progress and errors
/// to `err`. Never throws.
///
/// `scan` and `synth` initialize and finalize MPI, so run only one of them in a process, and only
/// once.
[[nodiscard]] int run_command_line(std::span<const std::string> arguments, std::ostream& out,
                                   std::ostream& err);

}  // namespace wishart::job
