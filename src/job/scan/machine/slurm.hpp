#pragma once

/// @file
/// What Slurm says about jobs: in the environment, and when it is asked.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "wishart/archive/lock.hpp"

namespace wishart::job {

/// The job that this process belongs to, by the environment.
[[nodiscard]] archive::BatchJob this_batch_job();

/// Asks Slurm whether jobs have ended. Remembers an answer for half a minute, because the
/// controller serves everybody.
class SlurmJobs {
public:
  /// The state of a job that has ended, such as `CANCELLED`, or `gone` if Slurm has forgotten it.
  /// Empty if it may still run: if it runs, if it belongs to another cluster, or if squeue is not
  /// there, does not answer within seconds, or answers anything else.
  [[nodiscard]] std::string ended(const archive::BatchJob& job);

private:
  struct Answer {
    std::string ended;
    std::chrono::steady_clock::time_point when;
  };
  [[nodiscard]] const std::string& cluster();

  std::optional<std::string> cluster_;     ///< of this host; empty: unknown
  std::map<std::string, Answer> answers_;  ///< by job id
};

/// When a job began and when it will be ended, in seconds since 1970.
struct JobTimes {
  std::optional<std::int64_t> start_seconds;
  std::optional<std::int64_t> end_seconds;
};

/// Of the job that this process belongs to: SLURM_JOB_START_TIME and SLURM_JOB_END_TIME, else what
/// squeue says. Nothing outside of a job, or if the job has no limit.
[[nodiscard]] JobTimes this_job_times();

}  // namespace wishart::job
