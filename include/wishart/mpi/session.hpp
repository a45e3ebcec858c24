#pragma once

/// @file
/// The life of MPI in this process.

#include <string>

namespace wishart::mpi {

/// The MPI library and its version, `Open MPI 4.1.4`. Needs no Session.
[[nodiscard]] std::string library_name();

/// Initialises MPI with full thread support, and finalises it. One per process; every other MPI
/// resource must be destroyed before it.
///
/// Before that it asks Open MPI to yield the core while waiting (`mpi_yield_when_idle`), unless the
/// environment sets this already: ranks may outnumber cores, and waiting ranks must not slow down
/// working ones.
class Session {
public:
  /// @throws Error with Blame::resource if the MPI library has no MPI_THREAD_MULTIPLE
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

}  // namespace wishart::mpi
