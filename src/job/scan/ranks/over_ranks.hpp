#pragma once

/// @file
/// Runs a command over several ranks: starts and ends MPI, and gives all ranks the same exit code
/// and one error message.

#include <exception>
#include <functional>
#include <iosfwd>

#include "wishart/job/ending.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::job {

/// Tells of an error of this rank that keeps the job from ending in order, and ends all ranks.
[[noreturn]] void abort_job(const std::exception_ptr& failure, std::ostream& err);

/// Broadcasts the `own` of rank 0 to every rank. Collective over `world`.
[[nodiscard]] Ending shared_ending(const mpi::Comm& world, const Ending& own);

/// Starts MPI, runs `parse` and then `body` on every rank, and returns the same exit code on all of
/// them. An ending that the ranks have agreed on is printed once. Blocks stop signals before MPI
/// starts, so that StopSignal finds them. Does nothing if a launcher has started several copies
/// that know nothing of each other: the first of them says so. Never throws.
///
/// @param parse  reads the command line; the ranks agree on an error
/// @param body   collective over its argument
[[nodiscard]] int run_over_ranks(const std::function<void()>& parse,
                                 const std::function<Ending(const mpi::Comm&)>& body,
                                 std::ostream& err);

}  // namespace wishart::job
