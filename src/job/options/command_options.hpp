#pragma once

/// @file
/// What all commands share in parsing command lines and job files.

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

/// A command: the text of its help, its options and its positional argument.
struct Command {
  std::string name;
  std::string synopsis;
  std::string purpose;
  po::options_description options;
  std::string positional;               ///< the option that positional arguments set
  int max_positional;                   ///< -1: any number
  std::vector<std::string> examples{};  ///< complete command lines, the simplest first
};

/// All commands, in the order of `wishart --help`.
[[nodiscard]] std::vector<Command> all_commands();

/// A command with the option --archive, which can also be given as a positional argument.
[[nodiscard]] Command archive_command(
    const char* name, const char* purpose,
    const char* archive_text = "archive folder or file; or as a positional argument");
/// --checkpoint, empty by default.
void add_checkpoint_option(po::options_description& options, const char* text);
/// --format with its default; `text` lists the choices.
void add_format_option(po::options_description& options, const char* format, const char* text);
/// --format and --output of a command that writes a document.
void add_document_options(po::options_description& options, const char* format, const char* text);
/// The command with --job and --help at the end of its options, and with its examples.
[[nodiscard]] Command finished(Command command, std::vector<std::string> examples);

/// The text of a file that an option names.
/// @throws Error with Blame::usage that names the option if there is no such file, or if it has
///   more than `most_bytes`; with the blame of the SystemFailure if it cannot be read now
[[nodiscard]] std::string text_of_file(const std::string& option, const std::filesystem::path& file,
                                       std::int64_t most_bytes);

/// Parses flags and positional arguments; what they do not set comes from the job file (`--job`),
/// else from the defaults.
/// @throws Error with Blame::usage that names the argument and, for an unknown key, the nearest one
[[nodiscard]] po::variables_map parsed(std::span<const std::string> arguments,
                                       const Command& command);

/// The same, with a second file, which the option `more` names: it may set what `of_more` has, and
/// gives way to the job file.
[[nodiscard]] po::variables_map parsed(std::span<const std::string> arguments,
                                       const Command& command, const std::string& more,
                                       const Command& of_more);

/// An option that only some uses of a command heed.
struct Use {
  const char* option;
  bool used;
  const char* by;  ///< what it is for
};

/// @throws Error with Blame::usage for an option that is given and not used
void check_used(const po::variables_map& values, const std::vector<Use>& uses);

/// The choice that `text` names.
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

/// The names of the formats that a command supports.
using Formats = std::vector<std::pair<std::string, OutputFormat>>;

/// The file that --output names; empty if there is none.
/// @throws Error with Blame::usage for an empty name
[[nodiscard]] std::filesystem::path output_of(const po::variables_map& values);

/// The format from --format, else from the extension of --output, else the default.
/// @throws Error with Blame::usage if the two contradict each other, or if there is no --format and
///   the extension is unknown
[[nodiscard]] OutputFormat format_of(const po::variables_map& values, const Formats& formats);

/// Reads --output and --format into the options of a command that writes a document.
/// @throws Error as `output_of` and `format_of`
template <class Options>
void take_document_options(Options& options, const po::variables_map& values,
                           const Formats& formats) {
  options.output = output_of(values);
  options.format = format_of(values, formats);
}

/// The options of a command that writes a report for people: --format and --output, --wide, --open
/// and --page.
void add_report_options(po::options_description& options, const char* text);

/// The reading options. --open without --output and --format chooses html.
/// @param format  as of take_document_options; changed by --open
/// @throws Error with Blame::usage if --open has nothing to show, or --page no brief
[[nodiscard]] ReadingOptions reading_of(const po::variables_map& values, OutputFormat& format);

/// As take_document_options, for such a command.
template <class Options>
void take_report_options(Options& options, const po::variables_map& values,
                         const Formats& formats) {
  take_document_options(options, values, formats);
  options.reading = reading_of(values, options.format);
}

}  // namespace wishart::job
