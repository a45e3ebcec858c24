/// @file
/// The text of `wishart help` and of `wishart COMMAND --help`.

#include <algorithm>
#include <sstream>

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
          {"Archive", {"archive", "checkpoint", "id", "base-id", "replace", "no-reuse"}},
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

using Option = boost::shared_ptr<po::option_description>;

/// The options of a command in groups. Options without a group are listed last.
po::options_description grouped(const po::options_description& all) {
  std::vector<Option> left = all.options();
  po::options_description whole;
  const auto add = [&](const char* caption, const std::vector<Option>& options) {
    if (options.empty()) return;
    po::options_description group(caption);
    for (const Option& option : options) group.add(option);
    whole.add(group);
  };
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
    add(group.caption, found);
  }
  add("Other", left);
  return whole;
}

std::string command_text(const Command& command) {
  std::ostringstream text;
  text << "Usage: wishart " << command.name << ' ' << command.synopsis
       << (command.max_positional < 0 ? "..." : "") << " [OPTIONS]\n\n"
       << (command.examples.size() == 1 ? "Example:" : "Examples:") << '\n';
  for (const std::string& example : command.examples) text << "  " << example << '\n';
  text << '\n' << command.purpose << "\n";
  if (command.options.options().size() > kLongList) {
    text << grouped(command.options);
  } else {
    text << '\n' << command.options;
  }
  return text.str();
}

std::string overview() {
  return "wishart: the spectra of the weight matrices of large language models\n"
         "\n"
         "Usage: wishart COMMAND [OPTIONS]\n"
         "\n"
         "  scan PATH... --archive DIR   compute all spectra and metrics (alone or under mpirun "
         "or srun)\n"
         "  inspect PATH                 list the matrices to analyse, and the skipped tensors\n"
         "  plan PATH --ranks N          show how a scan would be divided over N ranks, and "
         "how long it takes\n"
         "  refit ARCHIVE                recompute all metrics from the stored spectra\n"
         "  report ARCHIVE               show the results for a checkpoint or a run\n"
         "  export ARCHIVE               write a table or a spectrum; --for: a file for another "
         "program\n"
         "  plot ARCHIVE --what NAME     write a figure as SVG; --list shows which\n"
         "  compare [ARCHIVE] A B        compare two checkpoints layer by layer\n"
         "  rank ARCHIVE...              rank models by a metric; show which metrics correlate "
         "with scores\n"
         "  gate ARCHIVE --rules FILE    check a checkpoint against rules: exit code 0 or 1\n"
         "  check TUNED --base BASE      scan, compare and judge a fine-tuned model, adapter or "
         "quantised copy:\n"
         "                               is it OK? In one line; exit code 0 or 1\n"
         "  verify ARCHIVE               check every byte of an archive; set damaged files "
         "aside\n"
         "  index ARCHIVE                update index.h5\n"
         "  merge ARCHIVE --out FILE     pack an archive into one file; --unpack DIR unpacks it\n"
         "  synth SHAPE --out DIR        write a checkpoint with known spectra, for tests and "
         "benchmarks\n"
         "\n"
         "  wishart help COMMAND         show the options of a command; also wishart COMMAND "
         "--help\n"
         "  wishart --version            show version, commit and libraries\n"
         "\n"
         "Exit codes: 0 done, 1 gate or check failed, 2 usage, 3 input, 4 resources, 5 some "
         "matrices "
         "failed\nnumerically, 70 a bug in wishart, 75 not finished: stopped by a signal or the "
         "time limit, or\nanother job is scanning the checkpoint; run the same command again.\n";
}

}  // namespace

std::string help_text(const std::string& name) {
  if (name.empty()) return overview();
  for (const Command& command : all_commands()) {
    if (command.name == name) return command_text(command);
  }
  return {};
}

}  // namespace wishart::job
