/// @file
/// The text of `wishart help` and of `wishart COMMAND --help`.

#include "options/help.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/job/options.hpp"

#include "options/command_options.hpp"

namespace wishart::job {
namespace {

/// A command with more options than this lists them in groups.
constexpr std::size_t kLongList = 16;

/// A group of options in the help.
struct Group {
  const char* caption;
  std::vector<std::string> options;  ///< long names, in the order in which they are shown
};

std::vector<Group> groups() {
  return {{"What is analysed",
           {"path", "shape", "layers", "min-evals", "no-pool", "split-fused", "base", "with-base",
            "variant", "allow-unknown", "randomize", "farms"}},
          {"Judgement", {"kind", "verbose"}},
          {"Archive", {"archive", "checkpoint", "part", "id", "base-id", "replace", "no-reuse"}},
          {"What is exported",
           {"table", "all", "matrix", "for", "map", "top", "energy", "max-rank", "parameter",
            "model", "histograms", "window"}},
          {"Numerics", {"method", "resolve", "precision", "products", "solver", "compat"}},
          {"Power-law fit",
           {"fit", "bootstrap", "gof", "seed", "fix-fingers", "max-fingers", "finger-thresh",
            "xmax", "tolerance", "mp-fit", "detx"}},
          {"Ranks and memory",
           {"ranks", "ranks-per-node", "team-size", "threads-per-rank", "threads",
            "memory-per-rank", "stage-dir"}},
          {"Cluster",
           {"cluster", "nodes", "cores-per-node", "memory-per-node", "longest-job", "partition",
            "account", "qos", "launcher", "setup", "gflops", "read-rate", "sbatch"}},
          {"Stopping and resuming", {"time-limit", "until", "wait-for-lock"}},
          {"Output, job files, help",
           {"progress", "format", "output", "wide", "open", "page", "job", "help"}}};
}

std::string command_text(const Command& command) {
  std::ostringstream text;
  text << "Usage: wishart " << command.name << ' ' << command.synopsis
       << (command.max_positional < 0 ? "..." : "") << " [OPTIONS]\n\n"
       << (command.examples.size() == 1 ? "Example:" : "Examples:") << '\n';
  for (const std::string& example : command.examples) text << "  " << example << '\n';
  text << '\n' << command.purpose << "\n";
  const std::vector<OptionGroup> groups = option_groups(command);
  po::options_description whole;
  for (const OptionGroup& group : groups) {
    po::options_description shown(group.caption);
    for (const Option& option : group.options) shown.add(option);
    whole.add(shown);
  }
  text << whole;
  return text.str();
}

/// The column at which the overview says what a command does.
constexpr std::size_t kSummaryColumn = 31;
/// The longest line of the text below the commands.
constexpr std::size_t kOverviewWidth = 97;

/// `text` in lines of at most `width` columns.
std::string wrapped(const std::string& text, std::size_t width) {
  std::string lines;
  std::size_t column = 0;
  for (const std::string& word : split(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      lines += '\n';
      column = 0;
    }
    lines += (column > 0 ? " " : "") + word;
    column += word.size() + (column > 0 ? 1 : 0);
  }
  return lines;
}

std::string overview() {
  std::string text =
      "wishart: " + std::string(kProgramSummary) + "\n\nUsage: wishart COMMAND [OPTIONS]\n\n";
  for (const CommandSummary& command : command_summaries()) {
    std::string line = "  " + std::string(command.usage);
    line.resize(std::max(line.size() + 1, kSummaryColumn), ' ');
    std::string summary(command.summary);
    const std::string margin = "\n" + std::string(kSummaryColumn, ' ');
    for (std::size_t at = summary.find('\n'); at != std::string::npos;
         at = summary.find('\n', at + margin.size())) {
      summary.replace(at, 1, margin);
    }
    text += line + summary + '\n';
  }
  text +=
      "\n"
      "  wishart help COMMAND         show the options of a command; also wishart COMMAND --help\n"
      "  wishart help --pages DIR     write manual pages, and completion for bash and zsh\n"
      "  wishart --version            show version, commit and libraries; --json\n"
      "\n";
  std::string codes;
  for (const ExitCode& code : exit_codes()) {
    codes +=
        (codes.empty() ? "" : ", ") + std::to_string(code.code) + ' ' + std::string(code.meaning);
  }
  return text + wrapped("Exit codes: " + codes + ".", kOverviewWidth) + '\n';
}

}  // namespace

std::vector<OptionGroup> option_groups(const Command& command) {
  std::vector<Option> left = command.options.options();
  if (left.size() <= kLongList) return {{"Options", std::move(left)}};
  std::vector<OptionGroup> whole;
  for (const Group& group : groups()) {
    std::vector<Option> found;
    for (const std::string& name : group.options) {
      const auto at = std::find_if(left.begin(), left.end(), [&](const Option& option) {
        return option->long_name() == name;
      });
      if (at == left.end()) continue;
      found.push_back(*at);
      left.erase(at);
    }
    if (!found.empty()) whole.push_back({group.caption, std::move(found)});
  }
  if (!left.empty()) whole.push_back({"Other", std::move(left)});
  return whole;
}

std::span<const CommandSummary> command_summaries() noexcept {
  static constexpr std::array<CommandSummary, 15> kSummaries{{
      {"scan", "scan PATH... --archive DIR",
       "compute all spectra and metrics (alone or under mpirun or srun)"},
      {"inspect", "inspect PATH", "list the matrices to analyse, and the skipped tensors"},
      {"plan", "plan PATH --ranks N",
       "show how a scan would be divided over N ranks, and how long it takes"},
      {"refit", "refit ARCHIVE", "recompute all metrics from the stored spectra"},
      {"report", "report ARCHIVE", "show the results for a checkpoint or a run"},
      {"export", "export ARCHIVE",
       "write a table or a spectrum; --for: a file for another program"},
      {"plot", "plot ARCHIVE --what NAME", "write a figure as SVG; --list shows which"},
      {"compare", "compare [ARCHIVE] A B", "compare two checkpoints layer by layer"},
      {"rank", "rank ARCHIVE...",
       "rank models by a metric; show which metrics correlate with scores"},
      {"gate", "gate ARCHIVE --rules FILE", "check a checkpoint against rules: exit code 0 or 1"},
      {"check", "check TUNED --base BASE",
       "scan, compare and judge a fine-tuned model, adapter or quantised copy:\n"
       "is it OK? In one line; exit code 0 or 1"},
      {"verify", "verify ARCHIVE", "check every byte of an archive; set damaged files aside"},
      {"index", "index ARCHIVE", "update index.h5"},
      {"merge", "merge ARCHIVE --out FILE",
       "pack an archive into one file; --unpack DIR unpacks it"},
      {"synth", "synth SHAPE --out DIR",
       "write a checkpoint with known spectra, for tests and benchmarks"},
  }};
  return kSummaries;
}

std::span<const ExitCode> exit_codes() noexcept {
  static constexpr std::array<ExitCode, 8> kCodes{{
      {0, "done"},
      {1, "gate or check failed"},
      {2, "usage"},
      {3, "input"},
      {4, "resources"},
      {5, "some matrices failed numerically"},
      {70, "a bug in wishart"},
      {75,
       "not finished: stopped by a signal or the time limit, or another job is scanning the "
       "checkpoint; run the same command again"},
  }};
  return kCodes;
}

std::string help_text(const std::string& name) {
  if (name.empty()) return overview();
  for (const Command& command : all_commands()) {
    if (command.name == name) return command_text(command);
  }
  return {};
}

}  // namespace wishart::job
