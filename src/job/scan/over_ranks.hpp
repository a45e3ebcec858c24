#pragma once

/// @file
/// The frame of a command that runs over several ranks: MPI's start, one message for all, one exit
/// code for all, the end.

#include <functional>
#include <iosfwd>

#include "wishart/job/ending.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::job {

/// What rank 0 gives as `own`, on every rank. Collective over `world`.
[[nodiscard]] Ending shared_ending(const mpi::Comm& world, const Ending& own);

/// Starts MPI, runs `parse` on every rank and then `body`, and leaves with the same exit code
/// everywhere. An ending that the ranks have agreed on is told once. Blocks stop signals from
/// before MPI's start on, so that StopSignal finds them. Never throws.
///
/// @param parse  reads the command line; what it throws is agreed on
/// @param body   collective over its argument
[[nodiscard]] int run_over_ranks(const std::function<void()>& parse,
                                 const std::function<Ending(const mpi::Comm&)>& body,
                                 std::ostream& err);

}  // namespace wishart::job
