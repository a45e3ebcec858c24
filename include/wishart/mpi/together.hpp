#pragma once

/// @file
/// Failing together: an error on one rank becomes the same error on all ranks.

#include <exception>
#include <string>

#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/mpi/failure.hpp"

namespace wishart::mpi {

/// An error that all ranks of a communicator have agreed on; thrown on each of them.
class AgreedError : public Error {
public:
  AgreedError(Blame blame, const std::string& text, int rank) : Error(blame, text), rank_(rank) {}
  /// The lowest rank on which the error occurred.
  [[nodiscard]] int rank() const noexcept { return rank_; }

private:
  int rank_;
};

/// Exchanges the outcome between the ranks: null for success, or the local failure. Collective over
/// `comm`.
/// @throws AgreedError on every rank if any of them failed, with the lowest failed rank's text
void agree(const Comm& comm, const std::exception_ptr& local_failure);

/// The same for ranks of which some may come minutes before the others: they sleep meanwhile.
/// Collective over `comm`.
/// @throws AgreedError as `agree`; Failure at once on a rank whose failure is one of MPI
void agree_asleep(const Comm& comm, const std::exception_ptr& local_failure);

/// For those who handle an error of collective work: ends the job if only this rank may have the
/// error, because memory failed it where the ranks had nothing to agree on. The others would wait
/// for it in their next collective call. All other errors are agreed on, or depend on values that
/// are the same everywhere.
/// @throws Failure with Blame::resource
void require_common(const Comm& comm, const std::exception& error);

/// Runs `body`, collective work on a matrix, and calls `fail` with what it throws if that is a
/// failure of the matrix: one that is the same on all ranks. A failure of MPI, and memory that
/// failed this rank alone, leave as a Failure. Collective over `comm`, as `body` is.
/// @return true if `body` did not throw
template <class Body, class Fail>
bool guarded(const Comm& comm, Body&& body, Fail&& fail) {
  try {
    body();
    return true;
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    require_common(comm, error);
    fail(error);
    return false;
  }
}

/// What `body` throws on this rank, or null.
template <class Body>
[[nodiscard]] std::exception_ptr failure_of(Body&& body) {
  try {
    body();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

/// Runs `body` on every rank, then makes the ranks agree on the outcome. Collective over `comm`.
///
/// `body` contains rank-local work that can fail, and no collective calls. This way a failing rank
/// does not leave the others waiting forever.
template <class Body>
void together(const Comm& comm, Body&& body) {
  agree(comm, failure_of(body));
}

/// The same for work that takes some ranks minutes, and others no time: they sleep until all are
/// done, and leave their cores to the others. Collective over `comm`.
template <class Body>
void together_asleep(const Comm& comm, Body&& body) {
  agree_asleep(comm, failure_of(body));
}

}  // namespace wishart::mpi
