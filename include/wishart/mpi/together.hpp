#pragma once

/// @file
/// Failing together: what goes wrong on one rank becomes the same error on all.

#include <exception>
#include <string>

#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

/// An error that all ranks of a communicator have agreed on; thrown on each of them.
class AgreedError : public Error {
public:
  AgreedError(Blame blame, const std::string& text, int rank) : Error(blame, text), rank_(rank) {}
  /// The lowest rank on which it happened.
  [[nodiscard]] int rank() const noexcept { return rank_; }

private:
  int rank_;
};

/// Tells the ranks how it went: nothing (null) or the local failure. Collective over `comm`.
/// @throws AgreedError on every rank if any of them failed, with the lowest failed rank's text
void agree(const Comm& comm, const std::exception_ptr& local_failure);

/// Runs `body` on every rank, then makes the ranks agree on how it went. Collective over `comm`.
///
/// Rank-local work that can fail belongs in `body`; a collective call does not: that is what keeps
/// one bad rank from leaving the others waiting for ever.
template <class Body>
void together(const Comm& comm, Body&& body) {
  std::exception_ptr failure;
  try {
    body();
  } catch (...) {
    failure = std::current_exception();
  }
  agree(comm, failure);
}

}  // namespace wishart::mpi
