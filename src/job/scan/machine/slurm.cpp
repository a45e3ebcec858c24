#include "scan/machine/slurm.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <vector>

#include "wishart/core/command_output.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/whole_number.hpp"

namespace wishart::job {
namespace {

/// A controller under load may take seconds to answer.
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kRemembered{30};

/// The states of a job none of whose processes runs (squeue(1), "JOB STATE CODES"). A job that
/// waits was requeued. COMPLETING is not one of them: processes may be left.
constexpr std::array<std::string_view, 15> kEnded{
    "BOOT_FAIL",   "CANCELLED",     "COMPLETED", "DEADLINE",     "FAILED",
    "NODE_FAIL",   "OUT_OF_MEMORY", "PENDING",   "PREEMPTED",    "REQUEUED",
    "REQUEUE_FED", "REQUEUE_HOLD",  "REVOKED",   "SPECIAL_EXIT", "TIMEOUT"};

std::string variable(const char* name) { return environment_variable(name).value_or(""); }

/// True for ids as they may be passed to squeue.
bool is_job_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 20 && id.find_first_not_of("0123456789") == id.npos;
}

/// The words of squeue's line about the job `id` after its id; nothing without exactly one such
/// line. For an array's own id squeue prints all of its tasks.
std::optional<std::vector<std::string>> line_about(const std::string& id,
                                                   const std::string& answer) {
  std::optional<std::vector<std::string>> found;
  for (const std::string& line : split(answer, '\n')) {
    std::vector<std::string> words;
    for (std::string& word : split(line, ' ')) {
      if (!word.empty()) words.push_back(std::move(word));
    }
    if (words.empty() || words.front() != id) continue;
    if (found) return {};
    words.erase(words.begin());
    found = std::move(words);
  }
  return found;
}

std::optional<CommandOutput> ask_squeue(const std::string& id, const std::string& format) {
  // The last three would change what squeue prints, or whom it asks.
  return command_output(
      {"squeue", "--noheader", "--states=all", "--jobs=" + id, "--format=%A " + format}, kPatience,
      {"SLURM_TIME_FORMAT=%s", "SLURM_CLUSTERS", "SQUEUE_SORT", "SQUEUE_ARRAY"});
}

/// What squeue says about the state of a job; empty unless it has ended.
std::string asked_state(const std::string& id) {
  const auto answer = ask_squeue(id, "%T");
  if (!answer) return {};
  if (answer->exit_code != 0) {
    const bool forgotten = answer->err.find("Invalid job id specified") != std::string::npos;
    return forgotten && answer->out.empty() ? "gone" : "";
  }
  const auto words = line_about(id, answer->out);
  if (!words || words->size() != 1) return {};
  const bool known = std::find(kEnded.begin(), kEnded.end(), words->front()) != kEnded.end();
  return known ? words->front() : "";
}

/// The time that squeue prints: a number of seconds as it was asked for, or, from a version that
/// does not listen, a local time such as `2026-01-31T12:00:00`.
std::optional<std::int64_t> time_of(const std::string& text) {
  if (const auto seconds = whole_number(text)) return *seconds > 0 ? seconds : std::nullopt;
  std::tm parts{};
  const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || *end != '\0') return {};
  parts.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&parts);
  return seconds < 0 ? std::nullopt : std::optional<std::int64_t>(seconds);
}

}  // namespace

archive::BatchJob this_batch_job() {
  archive::BatchJob job;
  job.id = variable("SLURM_JOB_ID");
  if (job.id.empty()) return job;
  job.cluster = variable("SLURM_CLUSTER_NAME");
  job.array = variable("SLURM_ARRAY_JOB_ID");
  job.task = variable("SLURM_ARRAY_TASK_ID");
  job.restarts = whole_number(variable("SLURM_RESTART_COUNT")).value_or(0);
  return job;
}

const std::string& SlurmJobs::cluster() {
  if (!cluster_) {
    cluster_ = variable("SLURM_CLUSTER_NAME");
    if (cluster_->empty()) {  // on a login node
      const auto answer = command_output({"scontrol", "show", "config"}, kPatience);
      if (answer && answer->exit_code == 0) {
        for (const std::string& line : split(answer->out, '\n')) {
          const std::size_t equals = line.find('=');
          if (!line.starts_with("ClusterName ") || equals == std::string::npos) continue;
          const std::size_t begin = line.find_first_not_of(' ', equals + 1);
          if (begin != std::string::npos) *cluster_ = line.substr(begin);
        }
      }
    }
  }
  return *cluster_;
}

std::string SlurmJobs::ended(const archive::BatchJob& job) {
  if (!is_job_id(job.id) || job.cluster.empty() || job.cluster != cluster()) return {};
  const auto now = std::chrono::steady_clock::now();
  const auto known = answers_.find(job.id);
  if (known != answers_.end() && now - known->second.when < kRemembered) return known->second.ended;
  std::string state = asked_state(job.id);
  answers_[job.id] = {state, std::chrono::steady_clock::now()};
  return state;
}

JobTimes this_job_times() {
  JobTimes times{time_of(variable("SLURM_JOB_START_TIME")),
                 time_of(variable("SLURM_JOB_END_TIME"))};
  const std::string id = variable("SLURM_JOB_ID");
  if (times.end_seconds || !is_job_id(id)) return times;
  const auto answer = ask_squeue(id, "%S %e");
  if (!answer || answer->exit_code != 0) return times;
  const auto words = line_about(id, answer->out);
  if (!words || words->size() != 2) return times;
  return {time_of(words->at(0)), time_of(words->at(1))};
}

}  // namespace wishart::job
