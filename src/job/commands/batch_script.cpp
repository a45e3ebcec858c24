#include "commands/batch_script.hpp"

#include <algorithm>
#include <filesystem>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "options/given_options.hpp"
#include "options/shell_word.hpp"
#include "scan/work/planning.hpp"

namespace wishart::job {
namespace {

constexpr std::string_view kDirective = "#SBATCH";
/// The option of slurm/scan.sbatch by which a job goes on by itself.
constexpr std::string_view kRequeueLimit = "--requeue-limit";

std::string whole_path(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

/// What stands before the checkpoint: how often the job may be started again.
std::string requeue_words(const PlannedJob& job) {
  if (job.time.runs <= 1 || scan_script().find(kRequeueLimit) == std::string_view::npos) return {};
  return std::string(kRequeueLimit) + " " + std::to_string(job.time.runs - 1) + " ";
}

/// A line that a path or a name cannot end.
std::string comment_line(const std::string& text) { return "# " + printable(text, 2000) + "\n"; }

}  // namespace

std::string_view body_of(std::string_view script) {
  std::size_t body = std::string_view::npos;
  for (std::size_t line = 0; line < script.size();) {
    const std::size_t end = std::min(script.find('\n', line), script.size() - 1) + 1;
    const std::string_view text = script.substr(line, end - line);
    if (text.starts_with(kDirective)) {
      body = end;
    } else if (!text.starts_with('#')) {
      break;  // Slurm reads no directives behind the first command
    }
    line = end;
  }
  require(body != std::string_view::npos, "slurm/scan.sbatch has no directives");
  return script.substr(body);
}

std::vector<std::string> sbatch_options(const PlanOptions& options, const PlannedJob& job) {
  const int threads = threads_of(options.scan);
  const std::int64_t mib = (job.asked_bytes / threads + (std::int64_t{1} << 20U) - 1) >> 20U;
  std::vector<std::string> words{"--nodes=" + std::to_string(job.nodes),
                                 "--ntasks=" + std::to_string(job.ranks),
                                 "--ntasks-per-node=" + std::to_string(job.ranks_per_node),
                                 "--cpus-per-task=" + std::to_string(threads),
                                 "--mem-per-cpu=" + std::to_string(mib) + "M",
                                 "--time=" + std::to_string(job.time.limit_minutes),
                                 "--signal=B:USR1@" + std::to_string(job.time.signal_seconds)};
  const Cluster& cluster = options.cluster;
  if (!cluster.partition.empty()) words.push_back("--partition=" + cluster.partition);
  if (!cluster.account.empty()) words.push_back("--account=" + cluster.account);
  if (!cluster.qos.empty()) words.push_back("--qos=" + cluster.qos);
  return words;
}

std::string sbatch_line(const PlanOptions& options, const PlannedJob& job) {
  const std::string path = options.path.empty() ? "CHECKPOINT" : options.path.string();
  const std::string archive =
      options.scan.archive.empty() ? "ARCHIVE" : options.scan.archive.string();
  return (options.cluster.launcher == "mpirun" ? "WISHART_LAUNCHER=mpirun " : "") +
         std::string("sbatch ") + join(sbatch_options(options, job), " ") + " slurm/scan.sbatch " +
         requeue_words(job) + shell_argument(path) + " " + shell_argument(archive) +
         given_words(options.given, false);
}

std::string batch_script(const PlanOptions& options, const PlannedJob& job,
                         const std::vector<std::string>& about) {
  std::string text = "#!/bin/bash\n";
  for (const std::string& line : about) text += comment_line(line);
  text += "#SBATCH --job-name=wishart-scan\n";
  for (const std::string& option : sbatch_options(options, job)) text += "#SBATCH " + option + "\n";
  text += "#SBATCH --output=%x-%j.log\n#SBATCH --open-mode=append\n#SBATCH --requeue\n\n";
  for (const std::string& line : options.cluster.setup) text += line + "\n";
  if (options.cluster.launcher == "mpirun") text += "export WISHART_LAUNCHER=mpirun\n";
  // What is given when it is submitted, such as --requeue-limit, comes last and wins.
  text += "set -- " + requeue_words(job) + shell_argument(whole_path(options.path)) + " " +
          shell_argument(whole_path(options.scan.archive)) + given_words(options.given, true) +
          " \"$@\"\n";
  return text + "\n# From here on as slurm/scan.sbatch.\n" + std::string(body_of(scan_script()));
}

}  // namespace wishart::job
