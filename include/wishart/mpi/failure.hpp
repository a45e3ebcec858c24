#pragma once

/// @file
/// Failures of MPI itself.

#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

/// A call of MPI failed. The ranks cannot agree on anything any more, not even on this, so it is
/// never taken for the failure of a matrix or agreed on: it ends the job.
class Failure : public Error {
public:
  using Error::Error;
};

/// The number of this rank among all, for messages of a rank that is alone.
[[nodiscard]] int world_rank() noexcept;

/// Ends all ranks with this exit code.
[[noreturn]] void abort_all(int code) noexcept;

/// Lets MPI abort the job if a call on a communicator fails, or on one made from it meanwhile: for
/// libraries that do not look at the error codes of MPI, and would compute with what never came.
/// Afterwards errors of the communicator are returned as before.
///
/// The one place where a library of wishart prints and exits: MPI calls its handlers through the
/// code of others, which no exception may pass.
class AbortsOnFailure {
public:
  explicit AbortsOnFailure(const Comm& comm);
  ~AbortsOnFailure();
  AbortsOnFailure(const AbortsOnFailure&) = delete;
  AbortsOnFailure& operator=(const AbortsOnFailure&) = delete;

private:
  const Comm* comm_;
};

}  // namespace wishart::mpi
