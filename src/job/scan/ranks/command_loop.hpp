#pragma once

/// @file
/// How a rank follows the coordinator's commands: docs/protocol.md.

#include <cstdint>
#include <functional>

#include "wishart/mpi/comm.hpp"

#include "scan/ranks/messages.hpp"

namespace wishart::job {

/// What a rank can do.
struct Skills {
  /// Solves an item as a team. Collective over the team.
  std::function<Result(std::int64_t item, std::int64_t team)> solve;
  /// True if this rank is the first of the team, which has the results.
  std::function<bool(std::int64_t team)> is_first;
};

/// Carries out the coordinator's commands until one says to leave. Results go to the coordinator by
/// courier.
/// @throws what the courier failed with, if that is noticed before the end
void follow_commands(const mpi::Comm& control, const Skills& skills);

}  // namespace wishart::job
