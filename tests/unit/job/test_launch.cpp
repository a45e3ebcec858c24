/// @file
/// Copies that a launcher has started and that know nothing of each other: every launcher, and
/// variables that are left over from another one.

#include <map>

#include <catch2/catch.hpp>

#include "wishart/mpi/launch.hpp"

using namespace wishart::mpi;

namespace {

using Environment = std::map<std::string, std::string>;

constexpr std::int64_t kProcess = 4711;

Launch launched(const Environment& environment) {
  return launch_of(
      [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
      },
      kProcess);
}

std::string said(const Environment& environment, int ranks = 1) {
  return alone_text(launched(environment), ranks, "Open MPI 4.1.4");
}

/// What a shell of a batch script has: a job, but no step.
const Environment kBatch{{"SLURM_JOB_ID", "27"},       {"SLURM_NTASKS", "8"},
                         {"SLURM_NPROCS", "8"},        {"SLURM_PROCID", "0"},
                         {"SLURM_JOB_NUM_NODES", "2"}, {"SLURM_TASKS_PER_NODE", "4(x2)"},
                         {"ENVIRONMENT", "BATCH"},     {"SLURM_TASK_PID", "4000"}};

Environment with(Environment environment, const Environment& more) {
  for (const auto& [name, value] : more) environment[name] = value;
  return environment;
}

/// What a task of a step of eight has.
const Environment kStep = with(kBatch, {{"SLURM_STEP_ID", "0"},
                                        {"SLURM_STEP_NUM_TASKS", "8"},
                                        {"SLURM_PROCID", "3"},
                                        {"SLURM_TASK_PID", "4711"}});

}  // namespace

TEST_CASE("copies of srun are told with what is wrong and what helps", "[launch]") {
  CHECK(said(kStep) ==
        "srun has started 8 copies of wishart (SLURM_STEP_NUM_TASKS=8), but each is alone, because "
        "this launcher does not know the MPI of this program, Open MPI 4.1.4. Nothing was done. "
        "Start it with the mpirun or mpiexec of that MPI, or with a plugin of `srun --mpi=list` "
        "that knows it. If this copy is meant to run alone, unset SLURM_STEP_NUM_TASKS");
  CHECK(launched(kStep).rank == 3);
}

TEST_CASE("copies of every launcher are found", "[launch]") {
  struct Known {
    const char* launcher;
    const char* copies;
    const char* rank;
  };
  for (const auto& [launcher, copies, rank] :
       {Known{"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
        Known{"jsrun", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"},
        Known{"mpiexec", "PMI_SIZE", "PMI_RANK"},
        Known{"mpirun_rsh", "MPIRUN_NPROCS", "MPIRUN_RANK"},
        Known{"flux run", "FLUX_JOB_SIZE", "FLUX_TASK_RANK"},
        Known{"mpiexec", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"},
        Known{"mpiexec", "PALS_LOCAL_SIZE", "PALS_RANKID"}}) {
    CAPTURE(copies);
    const Environment environment{{copies, "4"}, {rank, "2"}};
    const Launch launch = launched(environment);
    CHECK(launch.launcher == launcher);
    CHECK(launch.variable == copies);
    CHECK(launch.copies == 4);
    CHECK(launch.rank == 2);
    CHECK(said(environment).find(std::string(launcher) + " has started 4 copies") == 0);
    CHECK(said({{copies, "1"}, {rank, "0"}}).empty());
    CHECK(said(environment, 4).empty());
  }
}

TEST_CASE("a rank of PMIx other than the first is one of several", "[launch]") {
  CHECK(said({{"PMIX_RANK", "2"}})
            .find("the launcher has started several copies of wishart "
                  "(PMIX_RANK=2), but each is alone") == 0);
  CHECK(said({{"PMIX_RANK", "0"}}).empty());
  CHECK(said(with(kStep, {{"SLURM_STEP_NUM_TASKS", "1"}, {"PMIX_RANK", "0"}})).empty());
}

TEST_CASE("a process of a batch script is alone, whatever the job has", "[launch]") {
  CHECK(said({}).empty());
  CHECK(said(kBatch).empty());
  // In an interactive allocation: a step of one task, in which a shell runs.
  CHECK(said(with(kBatch, {{"SLURM_STEP_ID", "4294967290"},
                           {"SLURM_STEP_NUM_TASKS", "1"},
                           {"SLURM_PTY_PORT", "34889"}}))
            .empty());
}

TEST_CASE("what is typed in a terminal of srun --pty is alone, a step from there is not",
          "[launch]") {
  const Environment terminal =
      with(kStep, {{"SLURM_PTY_PORT", "34889"}, {"SLURM_PROCID", "0"}, {"SLURM_TASK_PID", "4000"}});
  CHECK(said(terminal).empty());
  CHECK(said(with(terminal, {{"SLURM_TASK_PID", "4711"}, {"SLURM_STEP_NUM_TASKS", "4"}}))
            .find("srun has started 4 copies") == 0);
}

TEST_CASE("a wrapper between srun and the program does not hide the copies", "[launch]") {
  CHECK(said(with(kStep, {{"SLURM_TASK_PID", "4000"}})).find("srun has started 8 copies") == 0);
}

TEST_CASE("mpirun of one rank is no step, although its daemons are one", "[launch]") {
  // On a node other than the first, where a daemon that srun has started starts the ranks.
  const Environment daemon =
      with(kStep, {{"SLURM_STEP_NUM_TASKS", "3"}, {"SLURM_TASK_PID", "4000"}});
  CHECK(said(with(daemon, {{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}})).empty());
  CHECK(said(with(daemon, {{"PMI_SIZE", "1"}, {"PMI_RANK", "0"}})).empty());
  // With another MPI than that of the program it is the number of ranks that counts.
  const Environment foreign =
      with(daemon, {{"OMPI_COMM_WORLD_SIZE", "6"}, {"OMPI_COMM_WORLD_RANK", "5"}});
  CHECK(said(foreign).find("mpirun has started 6 copies of wishart (OMPI_COMM_WORLD_SIZE=6)") == 0);
  CHECK(launched(foreign).rank == 5);
}

TEST_CASE("srun from a script under mpirun: the variables of mpirun are left over", "[launch]") {
  CHECK(said(with(kStep, {{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}))
            .find("srun has started 8 copies") == 0);
}

TEST_CASE("srun --mpi=pmi2 sets both kinds of variables", "[launch]") {
  const Environment both = with(kStep, {{"PMI_SIZE", "8"}, {"PMI_RANK", "3"}});
  CHECK(said(both).find("srun has started 8 copies") == 0);
  CHECK(said(both, 8).empty());
}

TEST_CASE("a variable without a number says nothing", "[launch]") {
  for (const char* value : {"", "many", "-4", "0", "4x"}) {
    CAPTURE(value);
    CHECK(said({{"OMPI_COMM_WORLD_SIZE", value}}).empty());
    CHECK(said({{"SLURM_STEP_NUM_TASKS", value}}).empty());
  }
}
