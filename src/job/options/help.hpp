#pragma once

/// @file
/// The tables that the help, the manual pages and the completion are made from, beside the options
/// of each command.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options/command_options.hpp"

namespace wishart::job {

/// What wishart is, in half a line.
inline constexpr std::string_view kProgramSummary =
    "the spectra of the weight matrices of large language models";

using Option = boost::shared_ptr<po::option_description>;

/// Options of a command that are shown together.
struct OptionGroup {
  std::string caption;
  std::vector<Option> options;
};

/// The options of a command: a single group, or several if they are many. Options without a group
/// come last.
[[nodiscard]] std::vector<OptionGroup> option_groups(const Command& command);

/// A command in the overview.
struct CommandSummary {
  std::string_view name;
  std::string_view usage;    ///< `scan PATH... --archive DIR`
  std::string_view summary;  ///< what it does; a line break in it is one of the overview
};

/// One for each command, in the order of the overview.
[[nodiscard]] std::span<const CommandSummary> command_summaries() noexcept;

struct ExitCode {
  int code;
  std::string_view meaning;
};

[[nodiscard]] std::span<const ExitCode> exit_codes() noexcept;

}  // namespace wishart::job
