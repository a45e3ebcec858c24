#pragma once

/// @file
/// Command lines and job files to values: what all commands share.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/program_options.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/options.hpp"

namespace wishart::job {

namespace po = boost::program_options;

/// A command: what its help says, its options, and where its bare words go.
struct Command {
  std::string name;
  std::string synopsis;
  std::string purpose;
  po::options_description options;
  std::string positional;               ///< name of the option that bare words give
  int max_positional;                   ///< -1: any number
  std::vector<std::string> examples{};  ///< whole command lines, the simplest first
};

/// All commands, in the order of the overview.
[[nodiscard]] std::vector<Command> all_commands();

/// A command with the option --archive, which can also be given as a bare word.
[[nodiscard]] Command archive_command(
    const char* name, const char* purpose,
    const char* archive_text = "archive folder or file; also as a bare word");
/// --checkpoint, empty by default.
void add_checkpoint_option(po::options_description& options, const char* text);
/// --format with its default; `text` names the choices.
void add_format_option(po::options_description& options, const char* format, const char* text);
/// --format and --output of a command that writes a document.
void add_document_options(po::options_description& options, const char* format, const char* text);
/// The command with --job and --help at the end of its options, and with its examples.
[[nodiscard]] Command finished(Command command, std::vector<std::string> examples);

/// The values of flags and bare words, else of the file named by `--job`, else the defaults.
/// @throws Error with Blame::usage that names the argument and, for an unknown key, the nearest one
[[nodiscard]] po::variables_map parsed(std::span<const std::string> arguments,
                                       const Command& command);

/// `text` as one of the named choices.
template <class T>
T choice(const std::string& option, const std::string& text,
         const std::vector<std::pair<std::string, T>>& choices) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + name;
  }
  throw Error(Blame::usage,
              option + ": expected one of " + names + ", found '" + printable(text) + "'");
}

/// The formats of a document by their names.
using Formats = std::vector<std::pair<std::string, OutputFormat>>;

/// The file that --output names; empty if it is not given.
/// @throws Error with Blame::usage for an empty name
[[nodiscard]] std::filesystem::path output_of(const po::variables_map& values);

/// The format that --format names, else the one that the ending of --output names, else the
/// default.
/// @throws Error with Blame::usage if the two contradict each other, or the ending alone names none
[[nodiscard]] OutputFormat format_of(const po::variables_map& values, const Formats& formats);

/// Reads --output and --format into the options of a command that writes a document.
/// @throws Error as `output_of` and `format_of`
template <class Options>
void take_document_options(Options& options, const po::variables_map& values,
                           const Formats& formats) {
  options.output = output_of(values);
  options.format = format_of(values, formats);
}

}  // namespace wishart::job
