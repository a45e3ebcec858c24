#include "wishart/mpi/launch.hpp"

#include <array>

#include <unistd.h>

#include "wishart/core/environment.hpp"
#include "wishart/core/whole_number.hpp"

namespace wishart::mpi {
namespace {

/// The variables of a launcher. An empty name: it has none.
struct Names {
  const char* launcher;
  const char* copies;
  const char* rank;
};

/// Launchers that may run inside a step of Slurm. Each sets these for every process that it starts.
/// The first that is set decides; those that only count the processes of a host come last.
constexpr std::array<Names, 8> kLaunchers{{
    {"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},  // Open MPI 4 and 5, Spectrum MPI
    {"jsrun", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"},
    {"mpiexec", "PMI_SIZE", "PMI_RANK"},  // Hydra, Intel MPI, PALS, Flux, and srun --mpi=pmi2
    {"mpirun_rsh", "MPIRUN_NPROCS", "MPIRUN_RANK"},  // MVAPICH
    {"mpiexec", "PALS_SIZE", "PALS_RANKID"},
    {"flux run", "FLUX_JOB_SIZE", "FLUX_TASK_RANK"},
    {"mpiexec", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"},
    {"mpiexec", "PALS_LOCAL_SIZE", "PALS_RANKID"},
}};

std::optional<std::int64_t> number_in(const Variables& variables, const char* name) {
  return whole_number(variables(name).value_or(""));
}

std::optional<Launch> launch_by(const Variables& variables, const Names& names) {
  const auto copies = number_in(variables, names.copies);
  if (!copies || *copies < 1) return {};
  return Launch{names.launcher, names.copies, *copies,
                number_in(variables, names.rank).value_or(0)};
}

std::optional<Launch> launch_by_slurm(const Variables& variables) {
  // SLURM_NTASKS is that of the whole job, and set for a process in a batch script too.
  return launch_by(variables, {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"});
}

}  // namespace

Launch launch_of(const Variables& variables, std::int64_t process) {
  const bool is_task = number_in(variables, "SLURM_TASK_PID") == process;
  const auto by_slurm = launch_by_slurm(variables);
  if (is_task && by_slurm) return *by_slurm;
  for (const Names& names : kLaunchers) {
    if (const auto launch = launch_by(variables, names)) return *launch;
  }
  // `srun --pty`: of all tasks only the first has the terminal, and what is typed there was not
  // started by srun.
  const bool terminal = variables("SLURM_PTY_PORT").has_value();
  if (by_slurm && !terminal) return *by_slurm;
  // PMIx tells a rank, but no size.
  const auto rank = number_in(variables, "PMIX_RANK");
  if (rank && *rank > 0) return {"the launcher", "PMIX_RANK", 0, *rank};
  return {};
}

Launch this_launch() { return launch_of(environment_variable, ::getpid()); }

std::string alone_text(const Launch& launch, int ranks, const std::string& library) {
  if (ranks != 1 || launch.copies == 1) return {};
  const std::string value = std::to_string(launch.copies == 0 ? launch.rank : launch.copies);
  return launch.launcher + " has started " +
         (launch.copies == 0 ? "several copies" : std::to_string(launch.copies) + " copies") +
         " of wishart (" + launch.variable + "=" + value +
         "), but each is alone, because this launcher does not know the MPI of this program, " +
         library +
         ". Nothing was done. Start it with the mpirun or mpiexec of that MPI, or with a "
         "plugin of `srun --mpi=list` that knows it. If this copy is meant to run alone, unset " +
         launch.variable;
}

}  // namespace wishart::mpi
