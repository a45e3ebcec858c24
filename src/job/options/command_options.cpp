#include "options/command_options.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "wishart/core/file.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kMaxJobFileBytes = 1 << 20;

std::vector<std::string> option_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->long_name());
  return names;
}

[[noreturn]] void throw_unknown(const std::string& shown, const std::string& name,
                                const std::string& where, const Command& command) {
  const std::string near = nearest(name, option_names(command.options));
  throw Error(Blame::usage, where + ": unknown key '" + printable(shown) + "'" +
                                (near.empty() ? "." : ". Did you mean '" + near + "'?") +
                                " See wishart " + command.name + " --help");
}

/// Boost's exceptions as ours, with the name of the nearest key.
po::parsed_options parsed_arguments(std::span<const std::string> arguments,
                                    const Command& command) {
  po::positional_options_description positional;
  positional.add(command.positional.c_str(), command.max_positional);
  try {
    // No guessing of shortened names: a script must not change its meaning when an option is added.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    return po::command_line_parser(std::vector<std::string>(arguments.begin(), arguments.end()))
        .options(command.options)
        .positional(positional)
        .style(style)
        .run();
  } catch (const po::unknown_option& error) {
    std::string shown = error.get_option_name();
    shown.resize(std::min(shown.find('='), shown.size()));  // Boost leaves the value at its name
    const std::string name = shown.substr(std::min(shown.find_first_not_of('-'), shown.size()));
    throw_unknown(shown, name, "wishart " + command.name, command);
  } catch (const po::error& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": " + printable(error.what()) +
                                  ". See wishart " + command.name + " --help");
  }
}

/// Adds what the job file says to `values`, where no flag has said it.
void store_job_file(const std::filesystem::path& path, const Command& command,
                    po::variables_map& values) {
  std::string text;
  try {
    text = read_text_file(path, kMaxJobFileBytes);
  } catch (const Error& error) {
    throw Error(Blame::usage, std::string("--job: ") + error.what());
  }
  std::istringstream stream(text);
  const std::string where = printable(path.string());
  try {
    po::store(po::parse_config_file(stream, command.options, false), values);
  } catch (const po::unknown_option& error) {
    throw_unknown(error.get_option_name(), error.get_option_name(), where, command);
  } catch (const po::error& error) {
    throw Error(Blame::usage, where + ": " + printable(error.what()));
  }
}

}  // namespace

void add_archive_option(po::options_description& options, const char* text) {
  options.add_options()("archive", po::value<std::string>()->required()->value_name("ARCHIVE"),
                        text);
}

void add_checkpoint_option(po::options_description& options, const char* text) {
  options.add_options()("checkpoint", po::value<std::string>()->default_value("")->value_name("ID"),
                        text);
}

void add_format_option(po::options_description& options, const char* format, const char* text) {
  options.add_options()(
      "format", po::value<std::string>()->default_value(format)->value_name("FORMAT"), text);
}

void add_job_option(po::options_description& options) {
  options.add_options()("job", po::value<std::string>()->value_name("FILE"),
                        "read options from a job file (key = value)");
}

void add_help_option(po::options_description& options) {
  options.add_options()("help", "this text");
}

po::variables_map parsed(std::span<const std::string> arguments, const Command& command) {
  po::variables_map values;
  try {
    po::store(parsed_arguments(arguments, command), values);
    if (values.count("job") > 0) store_job_file(values["job"].as<std::string>(), command, values);
    po::notify(values);
  } catch (const po::required_option& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": missing " +
                                  (error.get_option_name() == "--" + command.positional
                                       ? command.synopsis
                                       : error.get_option_name()) +
                                  ". See wishart " + command.name + " --help");
  } catch (const po::error& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": " + printable(error.what()) +
                                  ". See wishart " + command.name + " --help");
  }
  return values;
}

}  // namespace wishart::job
