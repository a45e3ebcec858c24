#include "wishart/job/command_line.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <optional>
#include <ostream>
#include <type_traits>
#include <utility>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/mpi/together.hpp"

#include "commands/pages.hpp"
#include "document.hpp"
#include "open_page.hpp"
#include "options/command_options.hpp"
#include "scan/machine/libraries.hpp"
#include "scan/ranks/over_ranks.hpp"

namespace wishart::job {
namespace {

CommandResult result_of(std::string text) { return {std::move(text), {}, {}}; }
CommandResult result_of(CommandResult result) { return result; }

/// Runs a command that needs no MPI. Its output goes to the file that the options name, or to
/// standard output.
template <class Options, class Command>
Ending run_alone(const Options& options, const Command& command, std::ostream& out,
                 std::ostream& err) {
  std::filesystem::path file;
  bool open = false;
  if constexpr (requires { options.output; }) file = options.output;
  if constexpr (requires { options.reading; }) open = options.reading.open;
  if (open && file.empty()) {
    file = temporary_page();
    err << "wishart: the page is " << shown(file) << '\n';
  }
  auto readers = Document::Readers::by_umask;
  if constexpr (requires { options.for_everyone(); }) {
    if (options.for_everyone()) readers = Document::Readers::everyone;
  }
  Document document(file, out, readers);  // first, to fail before any computation
  CommandResult result;
  if constexpr (std::is_invocable_v<Command, const Options&, std::ostream&>) {
    result = command(options, document.stream());
  } else {
    result = result_of(command(options));
    document.stream() << result.text;
  }
  document.finish();
  for (const std::string& note : result.notes) err << "wishart: " << note << '\n';
  if (open && result.ending.done()) {
    open_page(file);
  } else if (open) {  // what the command says comes first: a failed gate stays one
    try {
      open_page(file);
    } catch (const Error& error) {
      err << "wishart: " << error.what() << '\n';
    }
  }
  return std::move(result.ending);
}

int run_scan_command(std::span<const std::string> arguments, std::ostream& out, std::ostream& err) {
  ScanOptions options;
  return run_over_ranks([&] { options = parse_scan(arguments); },
                        [&](const mpi::Comm& world) { return run_scan(options, world, out, err); },
                        err);
}

int run_check_command(std::span<const std::string> arguments, std::ostream& out,
                      std::ostream& err) {
  CheckOptions options;
  std::optional<Document> document;  // on rank 0
  const auto body = [&](const mpi::Comm& world) {
    mpi::together(world, [&] {
      if (world.rank() == 0) document.emplace(options.output, out);
    });
    Ending ending = run_check(options, world, document ? document->stream() : out, err);
    const bool answered = ending.done() || ending.exit_code() == kGateFailed;
    mpi::together(world, [&] {
      if (document && answered) document->finish();
    });
    return ending;
  };
  return run_over_ranks([&] { options = parse_check(arguments); }, body, err);
}

int run_synth_command(std::span<const std::string> arguments, std::ostream& out,
                      std::ostream& err) {
  SynthOptions options;
  return run_over_ranks([&] { options = parse_synth(arguments); },
                        [&](const mpi::Comm& world) { return run_synth(options, world, out); },
                        err);
}

std::string version_text() {
  const BuildInfo& info = build_info();
  return "wishart " + std::string(info.version) + " (" + std::string(info.commit) + ")\n" +
         std::string(info.compiler) + ", " + std::string(info.flags) + "\n" + libraries_text() +
         "\n";
}

/// A command that tells the user something while it runs, as run_alone wants it.
template <class Options>
auto telling(CommandResult (*command)(const Options&, std::ostream&), std::ostream& err) {
  return [command, &err](const Options& options) { return command(options, err); };
}

std::string version_json() {
  const BuildInfo& info = build_info();
  std::string libraries;
  for (const std::string& library : split(libraries_text(), ';')) {
    const std::size_t begin = std::min(library.find_first_not_of(' '), library.size());
    libraries += (libraries.empty() ? "" : ", ") + json_quoted(library.substr(begin));
  }
  return "{\"schema\": \"wishart/version/1\", \"version\": " + json_quoted(info.version) +
         ", \"date\": " + json_quoted(info.date) + ", \"commit\": " + json_quoted(info.commit) +
         ", \"compiler\": " + json_quoted(info.compiler) +
         ", \"build\": " + json_quoted(info.flags) + ", \"libraries\": [" + libraries + "]}\n";
}

/// The folder after --pages, which writes files instead of showing a help; nothing without it.
/// @throws Error with Blame::usage if none is named
std::optional<std::filesystem::path> pages_folder(std::span<const std::string> rest) {
  const auto at = std::find(rest.begin(), rest.end(), "--pages");
  if (at == rest.end()) return {};
  if (at + 1 == rest.end() || (at + 1)->empty()) {
    throw Error(Blame::usage, "wishart help --pages: name the folder to write to");
  }
  return std::filesystem::path(*(at + 1));
}

/// Runs a command that needs no MPI; nothing if no such command has this name.
std::optional<Ending> run_named(const std::string& name, std::span<const std::string> rest,
                                std::ostream& out, std::ostream& err) {
  if (name == "inspect") return run_alone(parse_inspect(rest), inspect_text, out, err);
  if (name == "plan") return run_alone(parse_plan(rest), plan_scan, out, err);
  if (name == "refit") return run_alone(parse_refit(rest), telling(refit_archive, err), out, err);
  if (name == "report") return run_alone(parse_report(rest), report_archive, out, err);
  if (name == "export") return run_alone(parse_export(rest), export_archive, out, err);
  if (name == "compare") return run_alone(parse_compare(rest), compare_checkpoints, out, err);
  if (name == "plot") return run_alone(parse_plot(rest), plot_archive, out, err);
  if (name == "gate") return run_alone(parse_gate(rest), gate_archive, out, err);
  if (name == "index") return run_alone(parse_index(rest), index_archive, out, err);
  if (name == "merge") return run_alone(parse_merge(rest), merge_archive, out, err);
  if (name == "rank") return run_alone(parse_rank(rest), rank_models, out, err);
  if (name == "verify")
    return run_alone(parse_verify(rest), telling(verify_archive, err), out, err);
  if (name == "synth") return run_alone(parse_synth(rest), synth_list_text, out, err);
  return {};
}

/// The command that the arguments of `wishart help` name; empty if there is none.
std::string helped_command(std::span<const std::string> rest) {
  const auto is_word = [](const std::string& word) { return !word.starts_with('-'); };
  const auto first = std::find_if(rest.begin(), rest.end(), is_word);
  return first == rest.end() ? "" : *first;
}

/// The help or version text if the arguments ask for one; otherwise empty.
std::string asked_text(const std::string& name, std::span<const std::string> rest) {
  const auto given = [&](const char* word) {
    return std::find(rest.begin(), rest.end(), word) != rest.end();
  };
  if (name == "--help" || name == "-h") return help_text("");
  if (name == "help") {
    if (const auto folder = pages_folder(rest)) return write_pages(*folder);
    const std::string command = helped_command(rest);
    return help_text(command == "help" ? "" : command);
  }
  if (name == "--version") return given("--json") ? version_json() : version_text();
  std::string help = help_text(name);
  if (help.empty()) return {};
  if (given("--help") || given("-h")) return help;
  return given("--version") ? version_text() : "";
}

/// The ending if the first word is missing or is not a command.
Ending no_command(std::span<const std::string> arguments) {
  if (arguments.empty()) {
    return {Blame::usage, "expected a command, such as scan, report or export"};
  }
  const std::string name =
      arguments.front() == "help" ? helped_command(arguments.subspan(1)) : arguments.front();
  std::vector<std::string> names;
  for (const Command& command : all_commands()) names.push_back(command.name);
  const std::string near = nearest(name, names);
  return {Blame::usage, "unknown command '" + printable(name) + '\'' +
                            (near.empty() ? "." : ". Did you mean '" + near + "'?") +
                            " See wishart --help"};
}

}  // namespace

int run_command_line(std::span<const std::string> arguments, std::ostream& out, std::ostream& err) {
  try {
    if (arguments.empty()) {
      const std::string help = help_text("");  // without its title
      err << help.substr(help.find("Usage:"));
      return told(no_command(arguments), err);
    }
    const std::string& name = arguments.front();
    const std::span<const std::string> rest = arguments.subspan(1);
    if (const std::string text = asked_text(name, rest); !text.empty()) {
      return told(run_alone(
                      text, [](const std::string& asked) { return asked; }, out, err),
                  err);
    }
    const bool listing = std::find(rest.begin(), rest.end(), "--list") != rest.end();
    if (name == "scan") return run_scan_command(rest, out, err);
    if (name == "check") return run_check_command(rest, out, err);
    if (name == "synth" && !listing) return run_synth_command(rest, out, err);
    const std::optional<Ending> ending = run_named(name, rest, out, err);
    return told(ending ? *ending : no_command(arguments), err);
  } catch (const std::exception& error) {
    return told(Ending(error), err);
  }
}

}  // namespace wishart::job
