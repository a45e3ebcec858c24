#pragma once

/// @file
/// The life of MPI in this process.

#include <string>

namespace wishart::mpi {

/// The MPI library and its version, `Open MPI 4.1.4`. Needs no Session.
[[nodiscard]] std::string library_name();

/// Starts MPI with full thread support and ends it. One per process; every other MPI resource must
/// be gone before it.
///
/// Before the start it asks Open MPI to yield the core while it waits (`mpi_yield_when_idle`),
/// unless the environment says otherwise: ranks may outnumber cores, and waiting ranks must not
/// slow working ones.
class Session {
public:
  /// @throws Error with Blame::resource if the MPI library has no MPI_THREAD_MULTIPLE
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

}  // namespace wishart::mpi
