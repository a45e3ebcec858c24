#pragma once

/// @file
/// The part of a scan in which every rank works: the coordinator of rank 0 and the workers.

#include "scan/ranks/coordinator.hpp"
#include "scan/ranks/messages.hpp"
#include "scan/work/checkpoint_job.hpp"
#include "scan/work/job_context.hpp"

namespace wishart::job {

/// Works until everything is done, held back, or to be stopped. Collective over the world of
/// `context`.
/// @param job  on rank 0, else null
/// @return the outcome on rank 0
[[nodiscard]] CoordinatorOutcome run_ranks(JobContext& context, const WorkOrder& order,
                                           CheckpointJob* job);

/// Returns if everything was done. On rank 0.
/// @throws Error with Blame::interrupted if the same command resumes the rest, with Blame::resource
///   if no job of this length can do it; or the failure of the run
void check_outcome(const JobContext& context, const CoordinatorOutcome& outcome,
                   CheckpointJob& job);

}  // namespace wishart::job
