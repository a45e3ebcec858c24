#include "options/command_options.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "wishart/core/file.hpp"
#include "wishart/core/system_failure.hpp"

#include "options/option_error.hpp"
#include "options/text_width.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kMaxJobFileBytes = 1 << 20;

std::vector<std::string> option_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->long_name());
  return names;
}

/// The extension for a format: `.csv` for csv, `.txt` for text.
std::string ending_of_format(const std::string& format) {
  return format == "text" ? ".txt" : "." + format;
}

/// The format for the extension of a file; empty if it is unknown.
std::string format_of_ending(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (ending == ".yml") return "yaml";
  for (const char* format : {"text", "md", "html", "csv", "json", "jsonl", "npy", "prom", "yaml"}) {
    if (ending == ending_of_format(format)) return format;
  }
  return {};
}

[[noreturn]] void throw_unknown(const std::string& shown, const std::string& name,
                                const std::string& where, const Command& command) {
  const std::string near = nearest(name, option_names(command.options));
  throw Error(Blame::usage, where + ": unknown key '" + printable(shown) + "'" +
                                (near.empty() ? "." : ". Did you mean '" + near + "'?") +
                                " See wishart " + command.name + " --help");
}

/// Parses the arguments. Throws our errors instead of Boost's, with the nearest known key.
po::parsed_options parsed_arguments(std::span<const std::string> arguments,
                                    const Command& command) {
  po::positional_options_description positional;
  positional.add(command.positional.c_str(), command.max_positional);
  try {
    // No abbreviated names: a new option must not change what an existing script means.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    return po::command_line_parser(std::vector<std::string>(arguments.begin(), arguments.end()))
        .options(command.options)
        .positional(positional)
        .style(style)
        .run();
  } catch (const po::unknown_option& error) {
    std::string shown = error.get_option_name();
    shown.resize(std::min(shown.find('='), shown.size()));  // Boost leaves the value after the name
    const std::string name = shown.substr(std::min(shown.find_first_not_of('-'), shown.size()));
    throw_unknown(shown, name, "wishart " + command.name, command);
  } catch (const po::error& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": " + printable(text_of(error)) +
                                  ". See wishart " + command.name + " --help");
  }
}

/// Adds the values from the file that `option` names and that no flag has set.
void store_file(const std::string& option, const Command& command, po::variables_map& values) {
  if (values.count(option) == 0) return;
  const std::filesystem::path path = values[option].as<std::string>();
  std::istringstream stream(text_of_file(option, path, kMaxJobFileBytes));
  const std::string where = printable(path.string());
  try {
    po::store(po::parse_config_file(stream, command.options, false), values);
  } catch (const po::unknown_option& error) {
    throw_unknown(error.get_option_name(), error.get_option_name(), where, command);
  } catch (const po::error& error) {
    throw Error(Blame::usage, where + ": " + printable(text_of(error)));
  }
}

/// Refuses options that were to name a file or a folder, but have an empty text, as of a variable
/// that is not set. Scans see to their checkpoints themselves.
void refuse_empty_names(const po::variables_map& values, const Command& command) {
  for (const auto& option : command.options.options()) {
    const std::string& name = option->long_name();
    if (values.count(name) == 0 || values[name].defaulted()) continue;
    if (command.name == "scan" && name == command.positional) continue;
    const std::string kind = option->format_parameter();  // `DIR` or `DIR (=default)`
    const std::string word = kind.substr(0, kind.find(' '));
    if (word != "PATH" && word != "DIR" && word != "ARCHIVE") continue;
    const auto& value = values[name].value();
    const auto* text = boost::any_cast<std::string>(&value);
    const auto* texts = boost::any_cast<std::vector<std::string>>(&value);
    const bool empty = (text != nullptr && text->empty()) ||
                       (texts != nullptr && std::count(texts->begin(), texts->end(), "") > 0);
    if (empty) {
      throw Error(Blame::usage, "wishart " + command.name + ": --" + name +
                                    ": expected a path, found an empty name");
    }
  }
}

}  // namespace

std::string text_of_file(const std::string& option, const std::filesystem::path& file,
                         std::int64_t most_bytes) {
  try {
    return read_text_file(file, most_bytes);
  } catch (const SystemFailure& error) {
    throw Error(error.blame(), "--" + option + ": " + error.what());
  } catch (const Error& error) {
    throw Error(Blame::usage, "--" + option + ": " + error.what());
  }
}

Command archive_command(const char* name, const char* purpose, const char* archive_text) {
  Command command{name, "ARCHIVE", purpose, po::options_description("Options"), "archive", 1};
  command.options.add_options()(
      "archive", po::value<std::string>()->required()->value_name("ARCHIVE"), archive_text);
  return command;
}

void add_checkpoint_option(po::options_description& options, const char* text) {
  options.add_options()("checkpoint", po::value<std::string>()->default_value("")->value_name("ID"),
                        text);
}

void add_format_option(po::options_description& options, const char* format, const char* text) {
  options.add_options()(
      "format", po::value<std::string>()->default_value(format)->value_name("FORMAT"), text);
}

void add_document_options(po::options_description& options, const char* format, const char* text) {
  add_format_option(options, format, text);
  options.add_options()("output,o", po::value<std::string>()->value_name("FILE"),
                        "write to this file instead of standard output, completely or not at all; "
                        "without --format, the extension selects the format");
}

std::filesystem::path output_of(const po::variables_map& values) {
  if (values.count("output") == 0) return {};
  const std::string& name = values["output"].as<std::string>();
  if (name.empty()) throw Error(Blame::usage, "--output: expected a file name, found ''");
  return name;
}

OutputFormat format_of(const po::variables_map& values, const Formats& formats) {
  const std::string& named = values["format"].as<std::string>();
  const std::filesystem::path output = output_of(values);
  if (output.empty()) return choice<OutputFormat>("--format", named, formats);
  const std::string by_ending = format_of_ending(output);
  if (!values["format"].defaulted()) {
    const OutputFormat format = choice<OutputFormat>("--format", named, formats);
    const bool plain = named == "brief" && by_ending == "text";
    if (by_ending.empty() || by_ending == named || plain) return format;
    throw Error(Blame::usage, "--output " + printable(output.string()) + ": its extension says " +
                                  by_ending + ", --format says " + named + ". Change one of them");
  }
  std::string endings;
  for (const auto& [name, format] : formats) {
    if (name == by_ending) return format;
    if (format == OutputFormat::brief) continue;  // a text file like any other
    endings += (endings.empty() ? "" : ", ") + ending_of_format(name);
  }
  const std::string ending = output.extension().string();
  throw Error(Blame::usage, "--output " + printable(output.string()) + ": expected one of " +
                                endings + " as its extension, found '" + printable(ending) +
                                "'. Or choose the format with --format");
}

void add_report_options(po::options_description& options, const char* text) {
  add_document_options(options, "text", text);
  options.add_options()("wide", po::bool_switch(),
                        "for text: all columns and lines as long as needed (default: the width of "
                        "the terminal, or 80)")(
      "open", po::bool_switch(),
      "open the page in a browser (BROWSER, or xdg-open); without --output, a page in the folder "
      "for temporary files")("page", po::value<std::string>()->value_name("WHERE"),
                             "for brief: address or path of the whole report, to be named in it");
}

ReadingOptions reading_of(const po::variables_map& values, OutputFormat& format) {
  ReadingOptions reading;
  const bool to_file = values.count("output") > 0;
  reading.open = values["open"].as<bool>();
  if (reading.open && !to_file) {
    if (values["format"].defaulted()) format = OutputFormat::html;
    if (format != OutputFormat::html) {
      throw Error(Blame::usage,
                  "--open: shows a page. Leave out --format, or name a file with --output");
    }
  }
  if (!values["wide"].as<bool>()) reading.width = text_width(to_file);
  if (values.count("page") > 0) {
    if (format != OutputFormat::brief) {
      throw Error(Blame::usage, "--page: is named in a brief. Add --format brief");
    }
    reading.page = values["page"].as<std::string>();
  }
  return reading;
}

Command finished(Command command, std::vector<std::string> examples) {
  command.options.add_options()("job", po::value<std::string>()->value_name("FILE"),
                                "read options from a job file (key = value)")("help", "this text");
  command.examples = std::move(examples);
  return command;
}

/// A value beside those of the options: the names of those on the command line.
constexpr const char* kTyped = "(typed)";

void check_used(const po::variables_map& values, const std::vector<Use>& uses) {
  for (const Use& use : uses) {
    const po::variable_value& value = values[use.option];
    // A job file may say what only some uses of its command need.
    const bool typed = values[kTyped].as<std::set<std::string>>().contains(use.option);
    if (use.used || value.empty() || value.defaulted() || !typed) continue;
    throw Error(Blame::usage, std::string("--") + use.option + " has no effect here, it is for " +
                                  use.by + ". Leave it out");
  }
}

po::variables_map parsed(std::span<const std::string> arguments, const Command& command,
                         const std::string& more, const Command& of_more) {
  po::variables_map values;
  try {
    po::store(parsed_arguments(arguments, command), values);
    std::set<std::string> typed;
    for (const auto& [name, value] : values) {
      if (!value.defaulted()) typed.insert(name);
    }
    values.insert({kTyped, po::variable_value(typed, false)});
    store_file("job", command, values);
    if (!more.empty()) store_file(more, of_more, values);
    po::notify(values);
    refuse_empty_names(values, command);
  } catch (const po::required_option& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": missing " +
                                  (error.get_option_name() == "--" + command.positional
                                       ? command.synopsis
                                       : error.get_option_name()) +
                                  ". See wishart " + command.name + " --help");
  } catch (const po::error& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": " + printable(text_of(error)) +
                                  ". See wishart " + command.name + " --help");
  }
  return values;
}

po::variables_map parsed(std::span<const std::string> arguments, const Command& command) {
  return parsed(arguments, command, {}, command);
}

}  // namespace wishart::job
