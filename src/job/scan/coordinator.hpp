#pragma once

/// @file
/// The coordinator: a thread of rank 0 that assigns matrices and collects results, while rank 0's
/// main thread works like every other rank.

#include "wishart/mpi/comm.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/coordination.hpp"

namespace wishart::job {

/// Runs `plan` over the ranks of `control` until everything is done, or until it should stop and
/// all assigned work, including work assigned ahead, has finished. Then tells every rank to leave.
/// Polls, and sleeps in between.
[[nodiscard]] CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                                            const CoordinatorEvents& events);

}  // namespace wishart::job
