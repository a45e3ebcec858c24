#pragma once

/// @file
/// The life of MPI in this process.

#include <functional>
#include <string>
#include <string_view>

namespace wishart::mpi {

/// The MPI library and its version, `Open MPI 4.1.4` or `MPICH 4.0.2`. Needs no Session.
[[nodiscard]] std::string library_name();
/// The same of what a library says of itself (MPI_Get_library_version), which may have many lines.
[[nodiscard]] std::string library_name(std::string_view said);

/// True for an MPICH whose MPI_Reduce adds wrongly over several nodes: 3.4 to 4.1.2, in its device
/// ch4 (docs/building.md#mpich). @param name  as of library_name()
[[nodiscard]] bool reduces_wrongly(std::string_view name);

/// True if a launcher such as mpirun or srun started this process, alone or with others.
/// @param is_set  whether the environment has a variable
[[nodiscard]] bool is_launched(const std::function<bool(const char*)>& is_set);

/// Initialises MPI with full thread support, and finalises it. One per process; every other MPI
/// resource must be destroyed before it.
///
/// Before that it sets what the environment does not set already. It asks Open MPI to yield the
/// core while waiting (`mpi_yield_when_idle`): ranks may outnumber cores, and waiting ranks must
/// not slow down working ones. An MPICH that reduces_wrongly() is told to do without the
/// collectives of its device (`MPIR_CVAR_DEVICE_COLLECTIVES=none`).
///
/// In a process that no launcher started, Open MPI neither starts a daemon nor looks for networks:
/// that took 0.6 s, several times as long as a small scan. These settings are gone from the
/// environment when the Session is there, so that programs which it starts do not inherit them.
class Session {
public:
  /// @throws Error with Blame::resource if the MPI library has no MPI_THREAD_MULTIPLE
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

}  // namespace wishart::mpi
