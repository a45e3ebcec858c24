#include "options/plan_options.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "wishart/core/words.hpp"
#include "wishart/job/options.hpp"

#include "options/given_options.hpp"
#include "options/running_options.hpp"
#include "options/shared_options.hpp"

namespace wishart::job {
namespace {

/// What a plan needs to know of a cluster: also as a file (--cluster).
void add_cluster_options(po::options_description& options) {
  options.add_options()("nodes", po::value<int>()->default_value(0, "")->value_name("N"),
                        "nodes that a job may have")(
      "cores-per-node", po::value<int>()->default_value(0, "")->value_name("N"),
      "cores of a node; there is a rank on each, or on as many as --threads-per-rank leaves")(
      "memory-per-node", po::value<std::string>()->value_name("SIZE"),
      "memory of a node that a job may have, e.g. 240G")(
      "longest-job", po::value<std::string>()->value_name("TIME"),
      "time limit of the partition, e.g. 24h; a longer scan takes several runs")(
      "partition", po::value<std::string>()->default_value("")->value_name("NAME"),
      "partition of the job")(
      "account", po::value<std::string>()->default_value("")->value_name("NAME"),
      "account of the job")("qos", po::value<std::string>()->default_value("")->value_name("NAME"),
                            "quality of service of the job")(
      "launcher", po::value<std::string>()->default_value("srun")->value_name("srun|mpirun"),
      "how the job starts MPI")(
      "setup", po::value<std::vector<std::string>>()->value_name("LINE"),
      "line of shell in the batch script before the scan, e.g. 'module load openmpi'. May be "
      "repeated")("gflops", po::value<double>()->default_value(0, "measured here")->value_name("X"),
                  "speed of one rank in float64, to predict the time")(
      "read-rate", po::value<double>()->default_value(0, "no limit")->value_name("GB/s"),
      "what the file system gives the whole job");
}

double positive(const po::variables_map& values, const char* name) {
  const double value = values[name].as<double>();
  if (value >= 0) return value;
  throw Error(Blame::usage,
              "--" + std::string(name) + ": expected a positive number, found " + shortest(value));
}

int count_of(const po::variables_map& values, const char* name) {
  const int count = values[name].as<int>();
  if (count > 0 || (count == 0 && values[name].defaulted())) return count;
  throw Error(Blame::usage,
              "--" + std::string(name) + ": expected at least 1, found " + std::to_string(count));
}

/// A word that Slurm takes for a name: it is written into a script unquoted.
std::string name_of(const po::variables_map& values, const char* option) {
  const std::string& name = values[option].as<std::string>();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           std::string_view("_-.,+@:/").find(c) != std::string_view::npos;
  });
  if (plain && (name.empty() || name.front() != '-')) return name;
  throw Error(Blame::usage, "--" + std::string(option) +
                                ": expected letters, digits and _-.,+@:/, found '" +
                                printable(name) + "'");
}

Cluster cluster_of(const po::variables_map& values) {
  Cluster cluster;
  cluster.nodes = count_of(values, "nodes");
  cluster.cores_per_node = count_of(values, "cores-per-node");
  if (values.count("memory-per-node") > 0) {
    cluster.memory_per_node_bytes =
        parse_bytes(values["memory-per-node"].as<std::string>(), "--memory-per-node");
  }
  if (values.count("longest-job") > 0) {
    cluster.longest_job_seconds =
        seconds_of("longest-job", values["longest-job"].as<std::string>());
    if (cluster.longest_job_seconds < 60) {
      throw Error(Blame::usage, "--longest-job: expected at least a minute, found '" +
                                    printable(values["longest-job"].as<std::string>()) + "'");
    }
  }
  cluster.partition = name_of(values, "partition");
  cluster.account = name_of(values, "account");
  cluster.qos = name_of(values, "qos");
  cluster.launcher = choice<std::string>("--launcher", values["launcher"].as<std::string>(),
                                         {{"srun", "srun"}, {"mpirun", "mpirun"}});
  if (values.count("setup") > 0) cluster.setup = values["setup"].as<std::vector<std::string>>();
  return cluster;
}

constexpr int kMostRanks = 1 << 20;

int rank_count(const std::string& text, const std::string& all) {
  int count = 0;
  const char* const last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data(), last, count);
  if (status == std::errc{} && end == last && count >= 1 && count <= kMostRanks) return count;
  throw Error(Blame::usage, "--ranks: expected a number from 1 to " + std::to_string(kMostRanks) +
                                ", or a list such as 1,2,4,...,1024, found '" + printable(all) +
                                "'");
}

/// `128`, `1,2,4,8`, or `1,2,4,...,1024`, whose dots go on as the two numbers before them: by the
/// same factor if that is a whole number, else by the same step.
std::vector<int> ranks_of(const std::string& text) {
  std::vector<int> ranks;
  const std::vector<std::string> words = split(text, ',');
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "...") {
      const int count = rank_count(words[i], text);
      if (!ranks.empty() && count <= ranks.back()) {
        throw Error(Blame::usage,
                    "--ranks: expected ascending numbers, found '" + printable(text) + "'");
      }
      ranks.push_back(count);
      continue;
    }
    if (ranks.size() < 2 || i + 1 == words.size()) {
      throw Error(Blame::usage,
                  "--ranks: the dots need two numbers before them and one behind, found '" +
                      printable(text) + "'");
    }
    const int end = rank_count(words[i + 1], text);
    const int before = ranks[ranks.size() - 2];
    const bool by_factor = ranks.back() % before == 0;
    const std::int64_t factor = ranks.back() / before;
    const std::int64_t step = ranks.back() - before;
    while (true) {
      const std::int64_t next = by_factor ? ranks.back() * factor : ranks.back() + step;
      if (next >= end) break;
      ranks.push_back(static_cast<int>(next));
    }
  }
  return ranks;
}

void take_ranks(PlanOptions& options, const po::variables_map& values) {
  options.ranks_per_node = count_of(values, "ranks-per-node");
  const Cluster& cluster = options.cluster;
  if (values.count("ranks") > 0) {
    options.ranks = ranks_of(values["ranks"].as<std::string>());
    return;
  }
  if (cluster.nodes == 0 || (cluster.cores_per_node == 0 && options.ranks_per_node == 0)) {
    throw Error(Blame::usage,
                "wishart plan: missing --ranks, or --nodes and --cores-per-node, which give them. "
                "See wishart plan --help");
  }
  const int threads = std::max(1, options.scan.threads_per_rank);
  const int per_node = options.ranks_per_node > 0 ? options.ranks_per_node
                                                  : std::max(1, cluster.cores_per_node / threads);
  options.ranks = {cluster.nodes * per_node};
}

void check_sbatch(const PlanOptions& options, const po::variables_map& values) {
  if (!options.sbatch) return;
  const char* wrong = nullptr;
  if (options.ranks.size() > 1) wrong = "needs one number of ranks, not a list";
  if (options.path.empty()) wrong = "needs a checkpoint, not only a shape";
  if (options.scan.archive.empty()) wrong = "needs an archive. Add --archive DIR";
  if (!values["format"].defaulted()) wrong = "writes a script. Leave out --format";
  if (wrong != nullptr) throw Error(Blame::usage, std::string("--sbatch: ") + wrong);
}

}  // namespace

Command plan_command() {
  Command command{
      "plan",
      "PATH",
      "Shows how a scan would be divided over ranks, how much memory it needs, how long it takes\n"
      "and what it waits for; writes a batch script for it. Takes every option of scan. Reads\n"
      "only file headers and runs without MPI, e.g. on a login node.",
      po::options_description("Options"),
      "path",
      1};
  command.options.add_options()("path", po::value<std::string>()->value_name("PATH"),
                                "checkpoint, or a folder of checkpoints; or as a positional "
                                "argument")(
      "shape", po::value<std::string>()->value_name("SHAPE"),
      "instead of a checkpoint: a model that wishart synth --list shows, stored in BF16")(
      "archive", po::value<std::string>()->default_value("")->value_name("DIR"),
      "archive folder of the scan; checkpoints that it holds are not planned")(
      "ranks", po::value<std::string>()->value_name("N[,N...]"),
      "number of ranks of the job; a list such as 1,2,4,...,1024 gives a table (default: all that "
      "--nodes and --cores-per-node give)")(
      "ranks-per-node", po::value<int>()->default_value(0, "")->value_name("N"),
      "ranks on each node (default: by --cores-per-node, else all on one)")(
      "cluster", po::value<std::string>()->value_name("FILE"),
      "read the options about the cluster from a file (key = value)")(
      "sbatch", po::bool_switch(),
      "write a batch script that runs this scan; with -o FILE, to a file");
  add_cluster_options(command.options);
  add_document_options(command.options, "text",
                       "text, csv (a row per matrix, or per number of "
                       "ranks) or json");
  add_scan_options(command.options);
  return finished(std::move(command),
                  {"wishart plan CHECKPOINT --ranks 128 --ranks-per-node 32",
                   "wishart plan --shape llama-3-405b --ranks 64,128,...,4096 --read-rate 20",
                   "wishart plan CHECKPOINT --cluster slurm/cluster.cfg --archive ARCHIVE --sbatch "
                   "-o job.sbatch"});
}

PlanOptions parse_plan(std::span<const std::string> arguments) {
  const Command command = plan_command();
  // A file about a cluster has no other options.
  Command cluster_file{command.name, {}, {}, po::options_description("Options"), {}, 0};
  add_cluster_options(cluster_file.options);
  const po::variables_map values = parsed(arguments, command, "cluster", cluster_file);
  PlanOptions options;
  if (values.count("path") > 0) options.path = values["path"].as<std::string>();
  if (values.count("shape") > 0) options.shape = values["shape"].as<std::string>();
  if (options.path.empty() == options.shape.empty()) {
    throw Error(Blame::usage, options.path.empty()
                                  ? "wishart plan: missing PATH. See wishart plan --help"
                                  : "--shape: takes the place of a checkpoint. Leave out one of "
                                    "them");
  }
  options.scan.archive = values["archive"].as<std::string>();
  take_scan_options(options.scan, values);
  po::options_description table;
  add_scan_options(table);
  options.given = given_options(values, table, {"progress"});
  options.cluster = cluster_of(values);
  take_ranks(options, values);
  options.gflops = positive(values, "gflops");
  options.read_gbytes = positive(values, "read-rate");
  options.sbatch = values["sbatch"].as<bool>();
  check_sbatch(options, values);
  if (options.sbatch) {
    options.output = output_of(values);
  } else {
    take_document_options(
        options, values,
        {{"text", OutputFormat::text}, {"csv", OutputFormat::csv}, {"json", OutputFormat::json}});
  }
  return options;
}

}  // namespace wishart::job
