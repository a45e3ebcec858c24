#include "options/plan_options.hpp"

#include "wishart/job/options.hpp"

#include "options/shared_options.hpp"

namespace wishart::job {

Command plan_command() {
  Command command{
      "plan",
      "PATH",
      "Shows how a scan would be divided over ranks, how much memory it needs and how long it "
      "takes.\nReads only file headers and runs without MPI, e.g. on a login node.",
      po::options_description("Options"),
      "path",
      1};
  command.options.add_options()("path", po::value<std::string>()->required()->value_name("PATH"),
                                "checkpoint; or as a positional argument")(
      "ranks", po::value<int>()->required()->value_name("N"), "number of ranks of the job")(
      "ranks-per-node", po::value<int>()->default_value(0, "all on one")->value_name("N"),
      "ranks per node, for the sbatch line")(
      "gflops", po::value<double>()->default_value(0, "measured here")->value_name("X"),
      "speed of one rank in float64, to predict the time");
  add_document_options(command.options, "text", "text, csv (a row per matrix) or json");
  add_engine_options(command.options);
  add_selection_options(command.options);
  return finished(std::move(command), {"wishart plan CHECKPOINT --ranks 128 --ranks-per-node 32"});
}

PlanOptions parse_plan(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, plan_command());
  PlanOptions options;
  options.path = values["path"].as<std::string>();
  options.scan.selection = selection_of(values);
  take_engine_options(options.scan, values);
  options.ranks = values["ranks"].as<int>();
  if (options.ranks < 1) {
    throw Error(Blame::usage,
                "--ranks: expected at least 1, found " + std::to_string(options.ranks));
  }
  options.ranks_per_node = values["ranks-per-node"].as<int>();
  if (options.ranks_per_node < 0) {
    throw Error(Blame::usage, "--ranks-per-node: expected at least 1, found " +
                                  std::to_string(options.ranks_per_node));
  }
  options.gflops = values["gflops"].as<double>();
  if (!(options.gflops >= 0)) {
    throw Error(Blame::usage,
                "--gflops: expected a positive number, found " + shortest(options.gflops));
  }
  take_document_options(
      options, values,
      {{"text", OutputFormat::text}, {"csv", OutputFormat::csv}, {"json", OutputFormat::json}});
  return options;
}

}  // namespace wishart::job
