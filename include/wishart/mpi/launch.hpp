#pragma once

/// @file
/// What the launcher says about the processes that it has started, held against what MPI says.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace wishart::mpi {

/// How this process was started, by the environment.
struct Launch {
  std::string launcher;     ///< `srun`, `mpirun`, ...; empty: not by one that is known
  std::string variable;     ///< that says so
  std::int64_t copies = 1;  ///< processes that it has started; 0: more than one
  std::int64_t rank = 0;    ///< of this one
};

/// The value of a variable of the environment; nothing if it is not set.
using Variables = std::function<std::optional<std::string>(const char*)>;

/// The launcher that has started this process. If several were nested, their variables are all
/// there: mpirun's daemons are a step of Slurm, and a script under mpirun may call srun. So the
/// variables of mpirun and its like decide, unless this process is itself the task that Slurm has
/// started, or a terminal in which a user types.
///
/// Call it before MPI starts, because MPI libraries set such variables.
/// @param process  the number of this process
[[nodiscard]] Launch launch_of(const Variables& variables, std::int64_t process);
/// The same of this process.
[[nodiscard]] Launch this_launch();

/// What is wrong if each of several copies believes that it is alone, as a line for the user; empty
/// if nothing is. With another MPI than the launcher's, every copy would do all of the work, and
/// only the lock of the archive would keep them apart.
[[nodiscard]] std::string alone_text(const Launch& launch, int ranks, const std::string& library);

}  // namespace wishart::mpi
