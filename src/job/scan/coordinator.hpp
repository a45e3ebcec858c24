#pragma once

/// @file
/// The coordinator: a thread of rank 0 that assigns matrices and collects results, while rank 0's
/// main thread works like every other rank.

#include <cstdint>
#include <exception>
#include <functional>
#include <string>

#include "wishart/mpi/comm.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/messages.hpp"

namespace wishart::job {

/// Callbacks of the coordinator; called only on its thread.
struct CoordinatorEvents {
  /// Called with work that is about to be assigned. Takes out the items that should not begin any
  /// more; they are held back.
  std::function<void(Assignment&)> begin;
  /// Called when a team has done an assignment.
  std::function<void(const Assignment&)> returned;
  /// Takes the results of one message. After an error no more work is assigned.
  std::function<void(std::vector<Result>&&)> take;
  /// True if rank 0's worker has ended, so that waiting is useless.
  std::function<bool()> abandoned;
  /// Called between messages, at least every few milliseconds.
  std::function<void()> tick;
  /// Why no more work should be assigned, or empty.
  std::function<std::string()> stop_reason;
};

/// How a run of the coordinator ended.
struct CoordinatorOutcome {
  std::string stop_reason;  ///< empty if everything was assigned or held back
  std::int64_t num_held_back = 0;
  std::exception_ptr failure;  ///< the first error, if there was one
  /// Messages of MPI failed, so some ranks may never learn that they are to leave: no collective
  /// call can succeed any more.
  bool lost = false;
};

/// Runs `plan` over the ranks of `control` until everything is done, or until it should stop and
/// all assigned work, including work assigned ahead, has finished. Then tells every rank to leave.
/// Polls, and sleeps in between.
[[nodiscard]] CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                                            const CoordinatorEvents& events);

}  // namespace wishart::job
