/// @file
/// Help of every command, and the program as a function where it needs no MPI.

#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/job/command_line.hpp"

#include "options/command_options.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome run(const Words& words) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_command_line(words, out, err);
  return {code, out.str(), err.str()};
}

}  // namespace

TEST_CASE("the help of a command has its usage and every option", "[help]") {
  struct Expected {
    std::string command;
    std::string usage;
    Words options;
  };
  std::vector<Expected> table{
      {"scan",
       "Usage: wishart scan PATH... [OPTIONS]\n",
       {"--path PATH",
        "--archive DIR",
        "--job FILE",
        "--id NAME",
        "--method METHOD",
        "--no-reuse",
        "--resolve",
        "--precision double|single",
        "--products PRODUCTS",
        "--solver SOLVER",
        "--threads-per-rank N",
        "--tolerance X",
        "--team-size N",
        "--randomize K",
        "--farms Q",
        "--memory-per-rank SIZE",
        "--replace",
        "--time-limit TIME",
        "--until WHEN",
        "--wait-for-lock TIME",
        "--stage-dir DIR",
        "--progress STYLE",
        "--compat weightwatcher",
        "--no-pool",
        "--split-fused",
        "--min-evals N",
        "--layers GLOB",
        "--base PATH",
        "--with-base PATH",
        "--variant NAME",
        "--allow-unknown",
        "--fit LAW",
        "--fix-fingers clip_xmax|xmin_peak",
        "--max-fingers N",
        "--finger-thresh X",
        "--xmax N",
        "--mp-fit",
        "--detx",
        "--bootstrap N",
        "--gof N",
        "--seed N",
        "--help"}},
      {"refit",
       "Usage: wishart refit ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--checkpoint ID", "--threads N", "--wait-for-lock TIME", "--job FILE",
        "--tolerance X", "--fit LAW", "--fix-fingers clip_xmax|xmin_peak", "--max-fingers N",
        "--finger-thresh X", "--xmax N", "--mp-fit", "--detx", "--bootstrap N", "--gof N",
        "--seed N", "--help"}},
      {"inspect",
       "Usage: wishart inspect PATH [OPTIONS]\n",
       {"--path PATH", "--archive DIR", "--job FILE", "--format FORMAT", "--compat weightwatcher",
        "--no-pool", "--split-fused", "--min-evals N", "--layers GLOB", "--base PATH",
        "--with-base PATH", "--variant NAME", "--allow-unknown", "--help"}},
      {"plan",
       "Usage: wishart plan PATH [OPTIONS]\n",
       {"--shape SHAPE", "--ranks N[,N...]", "--ranks-per-node N", "--cluster FILE", "--nodes N",
        "--cores-per-node N", "--memory-per-node SIZE", "--longest-job TIME", "--partition NAME",
        "--account NAME", "--qos NAME", "--launcher srun|mpirun", "--setup LINE", "--gflops X",
        "--read-rate GB/s", "--sbatch", "--format FORMAT"}},
      {"report",
       "Usage: wishart report ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--checkpoint ID", "--format FORMAT", "--window N", "--densities N",
        "--job FILE", "--wide", "--open", "--page WHERE", "--help"}},
      {"compare",
       "Usage: wishart compare [ARCHIVE] A B [OPTIONS]\n",
       {"--checkpoint WORD", "--format FORMAT", "--table NAME", "--job FILE", "--wide", "--open",
        "--page WHERE", "--help"}},
      {"gate",
       "Usage: wishart gate ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--rules FILE", "--checkpoint ID", "--base ID", "--stage ID",
        "--every-stage", "--format FORMAT", "--job FILE", "--wide", "--open", "--page WHERE",
        "--help"}},
      {"check",
       "Usage: wishart check TUNED --base BASE [OPTIONS]\n",
       {"--path PATH", "--base PATH", "--allow-unknown", "--archive DIR", "--kind KIND",
        "--id NAME", "--base-id NAME", "--verbose", "--wide", "--threads-per-rank N",
        "--memory-per-rank SIZE", "--time-limit TIME", "--until WHEN", "--wait-for-lock TIME",
        "--stage-dir DIR", "--progress STYLE", "--format FORMAT", "--job FILE", "--help"}},
      {"rank",
       "Usage: wishart rank ARCHIVE... [OPTIONS]\n",
       {"--archive ARCHIVE", "--metric NAME", "--scores CSV", "--score NAME", "--lower-is-better",
        "--higher-is-better", "--format FORMAT", "--job FILE", "--wide", "--open", "--page WHERE",
        "--help"}},
      {"plot",
       "Usage: wishart plot ARCHIVE [ID] | ARCHIVE A B [OPTIONS]\n",
       {"--word WORD", "--what NAME", "--measure NAME", "--layer NAME", "--list", "--job FILE",
        "--help"}},
      {"index",
       "Usage: wishart index ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--rebuild", "--job FILE", "--help"}},
      {"merge",
       "Usage: wishart merge ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--out FILE", "--unpack DIR", "--job FILE", "--help"}},
      {"verify",
       "Usage: wishart verify ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--checkpoint ID", "--part N/T", "--foreign", "--repair", "--reseal",
        "--wait-for-lock TIME", "--format FORMAT", "--job FILE", "--help"}},
      {"export",
       "Usage: wishart export ARCHIVE [OPTIONS]\n",
       {"--archive ARCHIVE", "--checkpoint ID", "--all", "--table TABLE", "--matrix NAME",
        "--for PROGRAM", "--map MAP", "--top P%", "--energy P%", "--max-rank N", "--parameter NAME",
        "--model NAME", "--histograms", "--format FORMAT", "--window N", "--job FILE", "--help"}}};
  Words& of_plan = table[3].options;  // which takes what a scan takes
  of_plan.insert(of_plan.end(), table[0].options.begin(), table[0].options.end());
  for (const auto& [command, usage, options] : table) {
    const std::string text = help_text(command);
    CAPTURE(command);
    CHECK(text.find(usage) == 0);
    for (const std::string& option : options) {
      CAPTURE(option);
      CHECK(text.find("\n  " + option) != std::string::npos);
    }
    // No option beyond the table.
    std::size_t found = 0;
    for (std::size_t at = text.find("\n  --"); at != std::string::npos;
         at = text.find("\n  --", at + 1)) {
      ++found;
    }
    CHECK(found == options.size());
    CHECK(help_text("").find("\n  " + command + " ") != std::string::npos);
  }
  CHECK(help_text("scann").empty());
}

TEST_CASE("help and version are results, on standard output", "[help]") {
  for (const Words& words : {Words{"--help"}, Words{"-h"}, Words{"help"}}) {
    CHECK(run(words).out == help_text(""));
    CHECK(run(words).code == 0);
  }
  for (const std::string command : {"scan", "inspect", "report", "export"}) {
    const Outcome outcome = run({command, "--nonsense", "--help"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out == help_text(command));
    CHECK(outcome.err.empty());
    CHECK(run({command, "--version"}).out == run({"--version"}).out);
  }
  CHECK(run({"--version"}).out.find("wishart ") == 0);
}

TEST_CASE("help of a command has examples that the command takes", "[help]") {
  std::set<std::string> seen;
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    CHECK(command.examples.size() >= (command.name == "scan" ? 2 : 1));
    for (const std::string& example : command.examples) {
      CAPTURE(example);
      CHECK(help_text(command.name).find("\n  " + example + "\n") != std::string::npos);
      Words words = split(example, ' ');
      const auto program = std::find(words.begin(), words.end(), "wishart");
      REQUIRE(words.end() - program >= 2);
      CHECK(*(program + 1) == command.name);
      const Words arguments(program + 2, words.end());
      CHECK_NOTHROW(parsed(arguments, command));
    }
    seen.insert(command.name);
  }
  CHECK(seen.size() == 15);
}

TEST_CASE("a long help shows its options in groups, and none in a group of leftovers", "[help]") {
  const std::string scan = help_text("scan");
  std::size_t at = 0;
  for (const char* caption :
       {"What is analysed:\n", "Archive:\n", "Numerics:\n", "Power-law fit:\n",
        "Ranks and memory:\n", "Stopping and resuming:\n", "Output, job files, help:\n"}) {
    CAPTURE(caption);
    const std::size_t found = scan.find(std::string("\n") + caption, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    CHECK(help_text(command.name).find("\nOther:\n") == std::string::npos);
  }
  CHECK(help_text("index").find("\nOptions:\n") != std::string::npos);
}

TEST_CASE("wishart help COMMAND shows the help of that command", "[help]") {
  CHECK(run({"help", "scan"}).out == help_text("scan"));
  CHECK(run({"help", "scan"}).code == 0);
  CHECK(run({"help", "help"}).out == help_text(""));
  const Outcome typo = run({"help", "reprot"});
  CHECK(typo.code == 2);
  CHECK(typo.out.empty());
  CHECK(typo.err ==
        "wishart: unknown command 'reprot'. Did you mean 'report'? See wishart --help\n");
}

TEST_CASE("a missing or unknown command is a usage error on standard error", "[help]") {
  CHECK(run({}).code == 2);
  CHECK(run({}).out.empty());
  const std::string help = help_text("");
  CHECK(run({}).err == help.substr(help.find("Usage:")) +
                           "wishart: expected a command, such as scan, report or export\n");
  const Outcome typo = run({"reprot"});
  CHECK(typo.code == 2);
  CHECK(typo.err ==
        "wishart: unknown command 'reprot'. Did you mean 'report'? See wishart --help\n");
  CHECK(run({"\x1b[2J"}).err == "wishart: unknown command '\\x1b[2J'. See wishart --help\n");
}

TEST_CASE("an error of a command is one line and its exit code", "[help]") {
  const Outcome usage = run({"inspect"});
  CHECK(usage.code == 2);
  CHECK(usage.out.empty());
  CHECK(usage.err == "wishart: wishart inspect: missing PATH. See wishart inspect --help\n");
  const Outcome input = run({"inspect", "/nowhere/model"});
  CHECK(input.code == 3);
  CHECK(input.out.empty());
  CHECK(input.err.find("wishart: /nowhere/model") == 0);
  CHECK(std::count(input.err.begin(), input.err.end(), '\n') == 1);
}
