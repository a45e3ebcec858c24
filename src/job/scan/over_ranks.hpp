#pragma once

/// @file
/// The frame of a command that runs over several ranks: MPI's start, one message for all, one exit
/// code for all, the end.

#include <exception>
#include <functional>
#include <iosfwd>

#include "wishart/mpi/comm.hpp"

namespace wishart::job {

/// `wishart: ` and the text of an error, with its causes.
void print_error(std::ostream& err, const std::exception& error);

/// Starts MPI, runs `parse` on every rank and then `body`, and leaves with the same exit code
/// everywhere. An error that the ranks have agreed on is printed once. Blocks stop signals from
/// before MPI's start on, so that StopSignal finds them. Never throws.
///
/// @param parse  reads the command line; what it throws is agreed on
/// @param body   collective over its argument
[[nodiscard]] int run_over_ranks(const std::function<void()>& parse,
                                 const std::function<int(const mpi::Comm&)>& body,
                                 std::ostream& err);

}  // namespace wishart::job
