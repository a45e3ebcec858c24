#pragma once

/// @file
/// The coordinator: a thread of rank 0 that assigns matrices and collects results, while rank 0's
/// main thread works like every other rank.

#include <atomic>
#include <exception>
#include <functional>

#include "wishart/mpi/comm.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/ranks/coordination.hpp"

namespace wishart::job {

/// Runs `plan` over the ranks of `control` until everything is done, or until it should stop and
/// all assigned work, including work assigned ahead, has finished. Then tells every rank to leave.
/// Polls, and sleeps in between.
[[nodiscard]] CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                                            const CoordinatorEvents& events);

/// Runs `coordinator` on a thread of its own while `work` runs on this one. Its argument becomes
/// true if `work` has thrown; it should then end soon. An error of the coordinator is in the
/// outcome, one of `work` is thrown.
/// @param abort  ends the job. Called on the thread of the coordinator if that was cut off or has
///   thrown: the ranks, and `work`, may be waiting for commands that nobody sends any more
[[nodiscard]] CoordinatorOutcome coordinate_beside(
    const std::function<CoordinatorOutcome(const std::atomic<bool>& abandoned)>& coordinator,
    const std::function<void()>& work,
    const std::function<void(const std::exception_ptr& failure)>& abort);

}  // namespace wishart::job
