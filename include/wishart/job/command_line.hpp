#pragma once

/// @file
/// The program as a function.

#include <iosfwd>
#include <span>
#include <string>

namespace wishart::job {

/// Runs `wishart ARGUMENTS...` and returns the exit code. Results go to `out`, progress and errors
/// to `err`. Never throws.
///
/// `scan` and `synth` start and end MPI: call one of them at most once in a process.
[[nodiscard]] int run_command_line(std::span<const std::string> arguments, std::ostream& out,
                                   std::ostream& err);

}  // namespace wishart::job
