#pragma once

/// @file
/// A scan as it would run: of each checkpoint what is to be done, how, in which time and memory.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wishart/job/options.hpp"
#include "wishart/plan/job_forecast.hpp"
#include "wishart/plan/job_time.hpp"
#include "wishart/plan/plan.hpp"

namespace wishart::job {

/// What is to be done of a checkpoint.
struct PlannedWork {
  std::string name;                ///< of the checkpoint, or of the shape
  std::string path;                ///< empty: a shape
  std::vector<Matrix> everything;  ///< ignoring --layers
  std::vector<Matrix> matrices;    ///< to be computed
  bool is_archived = false;        ///< the archive holds it: there is nothing to do
};

/// The work of all checkpoints that the options name, in the order of a scan.
struct PlannedWorks {
  std::string root;  ///< what was planned
  std::vector<PlannedWork> works;
  std::vector<std::string> warnings;
};

/// Opens the checkpoints and looks them up in the archive, if one is named.
/// @throws Error
[[nodiscard]] PlannedWorks works_of(const PlanOptions& options);

/// The speed that a plan counts on.
struct PlannedSpeed {
  double gflops = 0;              ///< of a rank, in float64
  std::int64_t paying_bytes = 0;  ///< of integers, on this machine
  plan::SharedRates shared;
};

/// The speed from the options, measured where they do not give it.
[[nodiscard]] PlannedSpeed speed_of(const PlanOptions& options);

/// The plan of one checkpoint.
struct PlannedScan {
  plan::Plan plan;
  std::vector<double> seconds;  ///< for each item
  plan::JobForecast forecast;
};

/// A whole job on a number of ranks.
struct PlannedJob {
  int ranks = 1;
  int ranks_per_node = 1;
  int nodes = 1;
  std::vector<PlannedScan> scans;  ///< of the works that are not archived, in their order
  double seconds = 0;              ///< of all scans
  double alone_seconds = 0;        ///< on one rank with as much memory as it likes
  double idle_share = 0;           ///< of ranks x time of the matrices
  std::int64_t need_bytes = 0;     ///< for a matrix, on the rank that needs most
  std::int64_t zero_bytes = 0;     ///< on rank 0 in addition
  std::int64_t asked_bytes = 0;    ///< for each rank, from the batch system
  std::int64_t limit_bytes = 0;    ///< that the scan allows itself with that; what was planned with
  plan::JobTime time;
  plan::Bound bound = plan::Bound::compute;
  std::string longest;  ///< key of the matrix that takes longest
  double longest_seconds = 0;

  [[nodiscard]] double efficiency() const noexcept {
    return seconds > 0 ? alone_seconds / (ranks * seconds) : 1;
  }
};

/// The seconds of each work on a rank that is alone and has all the memory it likes; 0 of those
/// that are archived. They do not depend on the ranks of the job.
[[nodiscard]] std::vector<double> alone_seconds_of(const PlannedWorks& works,
                                                   const PlanOptions& options,
                                                   const PlannedSpeed& speed);

/// Plans the works for a number of ranks with the memory that the scan will have: what is asked of
/// the batch system follows from the plan without a limit, or with the cluster's, and the plan from
/// what the scan allows itself with that (plan/memory.hpp).
/// @param alone_seconds  alone_seconds_of the works
/// @throws Error with Blame::resource if a matrix does not fit
[[nodiscard]] PlannedJob planned_job(const PlannedWorks& works, const PlanOptions& options,
                                     const PlannedSpeed& speed,
                                     const std::vector<double>& alone_seconds, int ranks);

/// The time limit and the signal for the job.
/// @throws Error with Blame::resource if the partition's jobs are too short
[[nodiscard]] plan::JobTime time_of(const PlannedJob& job, const Cluster& cluster);

}  // namespace wishart::job
