#include "wishart/job/command_line.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <ostream>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"

#include "options/command_options.hpp"
#include "scan/libraries.hpp"
#include "scan/over_ranks.hpp"

namespace wishart::job {
namespace {

/// Runs a command that needs no MPI and whose exit code tells of what it found.
int run_judging(const std::function<CommandResult()>& command, std::ostream& out,
                std::ostream& err) {
  try {
    const CommandResult result = command();
    for (const std::string& note : result.notes) err << "wishart: " << note << '\n';
    out << result.text << std::flush;
    if (out.good()) return result.exit_code;
    err << "wishart: standard output cannot be written\n";
    return static_cast<int>(Blame::resource);
  } catch (const std::exception& error) {
    print_error(err, error);
    return static_cast<int>(blame_of(error));
  }
}

/// Runs a command that needs no MPI.
int run_alone(const std::function<std::string()>& command, std::ostream& out, std::ostream& err) {
  return run_judging([&] { return CommandResult{command(), 0}; }, out, err);
}

int run_scan_command(std::span<const std::string> arguments, std::ostream& out, std::ostream& err) {
  ScanOptions options;
  return run_over_ranks([&] { options = parse_scan(arguments); },
                        [&](const mpi::Comm& world) { return run_scan(options, world, out, err); },
                        err);
}

int run_synth_command(std::span<const std::string> arguments, std::ostream& out,
                      std::ostream& err) {
  if (std::find(arguments.begin(), arguments.end(), "--list") != arguments.end()) {
    return run_alone([&] { return synth_list_text(parse_synth(arguments)); }, out, err);
  }
  SynthOptions options;
  return run_over_ranks([&] { options = parse_synth(arguments); },
                        [&](const mpi::Comm& world) { return run_synth(options, world, out); },
                        err);
}

/// Says that there is no such command, and which is near. Returns the exit code.
int refuse_command(const std::string& name, std::ostream& err) {
  std::vector<std::string> names;
  for (const Command& command : all_commands()) names.push_back(command.name);
  const std::string near = nearest(name, names);
  err << "wishart: unknown command '" << printable(name) << '\''
      << (near.empty() ? "." : ". Did you mean '" + near + "'?") << " See wishart --help\n";
  return static_cast<int>(Blame::usage);
}

/// `wishart help`, and `wishart help COMMAND`.
int run_help(std::span<const std::string> words, std::ostream& out, std::ostream& err) {
  const auto is_word = [](const std::string& word) { return !word.starts_with('-'); };
  const auto first = std::find_if(words.begin(), words.end(), is_word);
  const std::string name = first == words.end() || *first == "help" ? "" : *first;
  const std::string text = help_text(name);
  if (text.empty()) return refuse_command(name, err);
  out << text;
  return 0;
}

std::string version_text() {
  const BuildInfo& info = build_info();
  return "wishart " + std::string(info.version) + " (" + std::string(info.commit) + ")\n" +
         std::string(info.compiler) + ", " + std::string(info.flags) + "\n" + libraries_text() +
         "\n";
}

}  // namespace

int run_command_line(std::span<const std::string> arguments, std::ostream& out, std::ostream& err) {
  if (arguments.empty()) {
    err << help_text("");
    return static_cast<int>(Blame::usage);
  }
  const std::string& name = arguments.front();
  const std::span<const std::string> rest = arguments.subspan(1);
  if (name == "--help" || name == "-h") {
    out << help_text("");
    return 0;
  }
  if (name == "help") return run_help(rest, out, err);
  if (name == "--version") {
    out << version_text();
    return 0;
  }
  const auto given = [&](const char* word) {
    return std::find(rest.begin(), rest.end(), word) != rest.end();
  };
  if (!help_text(name).empty() && (given("--help") || given("-h"))) {
    out << help_text(name);
    return 0;
  }
  if (!help_text(name).empty() && given("--version")) {
    out << version_text();
    return 0;
  }
  if (name == "scan") return run_scan_command(rest, out, err);
  if (name == "inspect")
    return run_alone([&] { return inspect_text(parse_inspect(rest)); }, out, err);
  if (name == "plan") return run_alone([&] { return plan_text(parse_plan(rest)); }, out, err);
  if (name == "refit")
    return run_judging([&] { return refit_archive(parse_refit(rest)); }, out, err);
  if (name == "report")
    return run_judging([&] { return report_archive(parse_report(rest)); }, out, err);
  if (name == "export")
    return run_judging([&] { return export_archive(parse_export(rest), out); }, out, err);
  if (name == "compare")
    return run_judging([&] { return compare_checkpoints(parse_compare(rest)); }, out, err);
  if (name == "gate") return run_judging([&] { return gate_archive(parse_gate(rest)); }, out, err);
  if (name == "index") return run_alone([&] { return index_archive(parse_index(rest)); }, out, err);
  if (name == "merge") return run_alone([&] { return merge_archive(parse_merge(rest)); }, out, err);
  if (name == "rank") return run_alone([&] { return rank_text(parse_rank(rest)); }, out, err);
  if (name == "verify")
    return run_judging([&] { return verify_archive(parse_verify(rest)); }, out, err);
  if (name == "synth") return run_synth_command(rest, out, err);
  return refuse_command(name, err);
}

}  // namespace wishart::job
