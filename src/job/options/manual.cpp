#include "options/manual.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"

#include "options/help.hpp"

namespace wishart::job {
namespace {

/// `text` as roff shows it: hyphens as typed, no character with a meaning of its own.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string slanted(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

/// A text whose line breaks mean nothing.
std::string filled(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string page_name(const std::string& command) {
  return command.empty() ? "wishart" : "wishart-" + command;
}

std::string heading(const std::string& command, std::string_view summary) {
  const BuildInfo& info = build_info();
  return ".TH " + upper(page_name(command)) + " 1 \"" + std::string(info.date) + "\" \"wishart " +
         std::string(info.version) + "\" \"User commands\"\n.SH NAME\n" + roff(page_name(command)) +
         " \\- " + roff(filled(std::string(summary))) + '\n';
}

/// The names of an option and its value.
std::string option_line(const po::option_description& option) {
  std::string line;
  // Boost has the short name only in front of the long one: `-o [ --output ]`.
  const std::string names = option.format_name();
  if (names.size() > 2 && names[0] == '-' && names[1] != '-') {
    line = bold(names.substr(0, 2)) + ", ";
  }
  line += bold("--" + option.long_name());
  const std::string value = option.format_parameter();
  return value.empty() ? line : line + ' ' + slanted(value);
}

std::string options_text(const Command& command) {
  const std::vector<OptionGroup> groups = option_groups(command);
  std::string text = ".SH OPTIONS\n";
  for (const OptionGroup& group : groups) {
    if (groups.size() > 1) text += ".SS " + roff(group.caption) + '\n';
    for (const Option& option : group.options) {
      text += ".TP\n" + option_line(*option) + '\n' + roff(option->description()) + '\n';
    }
  }
  return text;
}

std::string exit_status_text() {
  std::string text = ".SH EXIT STATUS\n";
  for (const ExitCode& code : exit_codes()) {
    text += ".TP\n" + bold(std::to_string(code.code)) + '\n' + roff(code.meaning) + '\n';
  }
  return text;
}

/// All pages but the one itself.
std::string see_also_text(const std::string& command) {
  std::vector<std::string> pages;
  if (!command.empty()) pages.emplace_back("wishart");
  for (const CommandSummary& other : command_summaries()) {
    if (other.name != command) pages.push_back(page_name(std::string(other.name)));
  }
  std::string text = ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < pages.size(); ++i) {
    text += ".BR " + roff(pages[i]) + " (1)" + (i + 1 < pages.size() ? ",\n" : "\n");
  }
  return text;
}

std::string overview_page() {
  std::string text = heading("", kProgramSummary);
  text += ".SH SYNOPSIS\n" + bold("wishart") + ' ' + slanted("COMMAND") + " [" +
          slanted("OPTIONS") + "]\n.br\n" + bold("wishart help") + " [" + slanted("COMMAND") +
          "]\n.br\n" + bold("wishart --version") + " [" + bold("--json") + "]\n";
  text +=
      ".SH DESCRIPTION\n"
      "wishart computes all singular values of every weight matrix of a checkpoint, fits a power "
      "law to the tail of each spectrum, and reports which layers are unlike others of their "
      "kind, look like noise, have collapsed or are damaged. It needs no data and no GPU, runs on "
      "one core or under MPI on many, and resumes where it was stopped.\n"
      ".PP\n"
      "The first command scans a checkpoint into an archive, the second shows the results:\n"
      ".PP\n.RS\n.nf\n" +
      roff("mpirun -np 8 wishart scan CHECKPOINT --archive ARCHIVE") + '\n' +
      roff("wishart report ARCHIVE") + "\n.fi\n.RE\n";
  text += ".SH COMMANDS\n";
  for (const CommandSummary& command : command_summaries()) {
    text +=
        ".TP\n" + bold(command.usage) + '\n' + roff(filled(std::string(command.summary))) + "\n";
  }
  return text + exit_status_text() + see_also_text("");
}

std::string command_page(const Command& command, std::string_view summary) {
  std::string text = heading(command.name, summary);
  text += ".SH SYNOPSIS\n" + bold("wishart " + command.name) + ' ' +
          roff(command.synopsis + (command.max_positional < 0 ? "..." : "")) + " [" +
          slanted("OPTIONS") + "]\n";
  text += ".SH DESCRIPTION\n" + roff(filled(command.purpose)) + '\n';
  text += options_text(command);
  text += ".SH EXAMPLES\n.nf\n";
  for (const std::string& example : command.examples) text += roff(example) + '\n';
  text += ".fi\n";
  return text + exit_status_text() + see_also_text(command.name);
}

}  // namespace

std::string manual_page(const std::string& command) {
  if (command.empty()) return overview_page();
  for (const CommandSummary& summary : command_summaries()) {
    if (summary.name != command) continue;
    for (const Command& known : all_commands()) {
      if (known.name == command) return command_page(known, summary.summary);
    }
  }
  throw Error(Blame::bug, "manual_page: expected a command, found '" + command + "'");
}

}  // namespace wishart::job
