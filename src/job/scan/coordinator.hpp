#pragma once

/// @file
/// The coordinator: a thread of rank 0 that hands out matrices and gathers results, while rank 0's
/// main thread works like every other rank.

#include <exception>
#include <functional>
#include <string>

#include "wishart/mpi/comm.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/messages.hpp"

namespace wishart::job {

/// What the coordinator asks of its surroundings; called on its thread only.
struct CoordinatorEvents {
  /// Takes the matrices that one message brought. An error thrown here stops the handing out.
  std::function<void(std::vector<Result>&&)> take;
  /// True if rank 0's worker is gone, so that nothing can be waited for.
  std::function<bool()> abandoned;
  /// Called between messages, at least every few milliseconds.
  std::function<void()> tick;
  /// Why to hand out no more, or empty.
  std::function<std::string()> stop_reason;
};

/// How a run of the coordinator ended.
struct CoordinatorOutcome {
  std::string stop_reason;     ///< empty if everything was handed out
  std::exception_ptr failure;  ///< what went wrong in it, if anything
};

/// Runs `plan` over the ranks of `control` until all is done, or until it is to stop and what was
/// running has finished; then tells every rank to leave. What a rank has lying
/// there is running, too. Polls, asleep in between.
[[nodiscard]] CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                                            const CoordinatorEvents& events);

}  // namespace wishart::job
