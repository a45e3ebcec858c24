#pragma once

/// @file
/// What another program answers.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace wishart {

/// The output of a program that has ended. Nothing in it is to be trusted.
struct CommandOutput {
  int exit_code = 0;  ///< 128 + the signal's number if a signal has ended it
  std::string out;
  std::string err;
};

/// Runs the program `words[0]`, which is looked up in PATH, with the other words as its arguments:
/// without a shell, and with nothing to read. `settings` change its
/// environment: `NAME=value` sets a variable, `NAME` removes it. Of each stream the first 64 KiB
/// are kept.
///
/// @return nothing if the program cannot be started, or has not ended within `patience`; it is then
///   killed, with the programs that it has started
[[nodiscard]] std::optional<CommandOutput> command_output(
    const std::vector<std::string>& words, std::chrono::milliseconds patience,
    const std::vector<std::string>& settings = {});

}  // namespace wishart
