#pragma once

/// @file
/// The time limit of a batch job, and the signal before its end: chosen together, so that they
/// cannot contradict each other. Pure.

#include <cstdint>

namespace wishart::plan {

/// How long before its limit a job is told to stop, and the limit.
struct JobTime {
  std::int64_t limit_minutes = 0;   ///< Slurm counts in minutes
  std::int64_t signal_seconds = 0;  ///< before the limit
  std::int64_t runs = 1;            ///< how often the job has to be started until it is done
};

/// What a job needs.
struct NeededTime {
  double seconds = 0;          ///< predicted, from its start to its end
  double longest_seconds = 0;  ///< of one matrix: work that is finished after the signal
};

/// The shortest limit that leaves room for the predicted time with a margin, and for a signal after
/// that: `limit - signal` is later than half as long again as predicted, whatever the time.
/// @param most_minutes  what the partition allows; 0: no limit. If it is less than needed, the job
///   takes several runs
/// @throws Error with Blame::resource if not even one matrix could be finished within it
[[nodiscard]] JobTime job_time(const NeededTime& needed, std::int64_t most_minutes);

}  // namespace wishart::plan
