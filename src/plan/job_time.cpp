#include "wishart/plan/job_time.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "wishart/core/error.hpp"

namespace wishart::plan {
namespace {

/// Predictions are for an idle machine of the same kind.
constexpr double kMargin = 1.5;
/// Slurm sends the signal up to a minute early (man sbatch, --signal).
constexpr double kEarlySeconds = 60;
/// Until all ranks are started, also of many nodes.
constexpr double kStartSeconds = 120;
/// To flush the journal and end MPI after the last matrix.
constexpr double kStopSeconds = 60;
constexpr double kMinute = 60;
/// slurm/scan.sbatch stops when a quarter of the limit is left, if the signal comes earlier.
constexpr std::int64_t kSignalsInLimit = 4;

std::int64_t signal_seconds(const NeededTime& needed) {
  const double seconds = kMargin * needed.longest_seconds + kStopSeconds;
  return static_cast<std::int64_t>(std::ceil(seconds / kMinute)) *
         static_cast<std::int64_t>(kMinute);
}

}  // namespace

JobTime job_time(const NeededTime& needed, std::int64_t most_minutes) {
  JobTime time;
  time.signal_seconds = signal_seconds(needed);
  const double around = kStartSeconds + kEarlySeconds + static_cast<double>(time.signal_seconds);
  const double minutes = std::ceil((kMargin * needed.seconds + around) / kMinute);
  time.limit_minutes =
      std::max(static_cast<std::int64_t>(minutes),
               kSignalsInLimit * time.signal_seconds / static_cast<std::int64_t>(kMinute));
  if (most_minutes == 0 || time.limit_minutes <= most_minutes) return time;
  time.limit_minutes = most_minutes;
  const double working = static_cast<double>(most_minutes) * kMinute - around;
  if (working < kMargin * needed.longest_seconds || working <= 0) {
    const double least = std::ceil((kMargin * needed.longest_seconds + around) / kMinute) + 1;
    throw Error(Blame::resource,
                "a job of " + std::to_string(most_minutes) +
                    " minutes is too short: with its longest matrix it takes at least " +
                    std::to_string(static_cast<std::int64_t>(least)) +
                    " minutes. Use more ranks, or a partition with longer jobs (--longest-job)");
  }
  time.runs = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::ceil(kMargin * needed.seconds / working)));
  return time;
}

}  // namespace wishart::plan
