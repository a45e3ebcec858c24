#pragma once

/// @file
/// Running wishart from a test.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::test {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;

  /// Lines of standard error that wishart wrote as messages.
  [[nodiscard]] std::vector<std::string> messages() const;
};

/// Runs `wishart ARGUMENTS...` by itself, or under tools/mpirun on `ranks` ranks. A run of more
/// than `timeout_seconds` is killed and has exit code 124 or 137.
[[nodiscard]] Outcome run_wishart(const std::vector<std::string>& arguments, int ranks = 0,
                                  int timeout_seconds = 120);

/// The program under test.
[[nodiscard]] std::string program_path();

/// Runs a shell command, as above.
[[nodiscard]] Outcome run_shell(const std::string& command);

/// `text` as one word of a shell command.
[[nodiscard]] std::string quoted(const std::string& text);

}  // namespace wishart::test
