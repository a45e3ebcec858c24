#include "scan/over_ranks.hpp"

#include <chrono>
#include <ostream>

#include "wishart/core/error.hpp"
#include "wishart/mpi/session.hpp"
#include "wishart/mpi/together.hpp"

#include "scan/stop_signal.hpp"

namespace wishart::job {
namespace {

/// How long a rank waits for the others at the end before it takes the job down.
constexpr std::chrono::milliseconds kExitPatience{10'000};

/// Waits for the other ranks; if one does not come, says who waits and ends the whole job.
void leave_together(const mpi::Comm& exit_comm, int code, std::ostream& err) {
  if (mpi::all_arrive(exit_comm, kExitPatience)) return;
  err << "wishart: rank " << exit_comm.rank()
      << " waited in vain for the others at the end; the job is ended\n"
      << std::flush;
  MPI_Abort(MPI_COMM_WORLD, code == 0 ? static_cast<int>(Blame::bug) : code);
}

}  // namespace

void print_error(std::ostream& err, const std::exception& error) {
  err << "wishart: " << describe(error) << '\n' << std::flush;
}

int run_over_ranks(const std::function<void()>& parse,
                   const std::function<int(const mpi::Comm&)>& body, std::ostream& err) {
  const StopSignal signals;  // before MPI starts its threads, so that they inherit the mask
  try {
    const mpi::Session session;
    const mpi::Comm world = mpi::Comm::world();
    const mpi::Comm exit_comm = world.duplicate();
    int code = 0;
    try {
      // Every rank parses the same words; agreeing makes one message of it.
      mpi::together(world, parse);
      code = body(world);
    } catch (const mpi::AgreedError& error) {
      if (world.rank() == 0) print_error(err, error);
      code = static_cast<int>(error.blame());
    } catch (const std::exception& error) {
      // Not agreed on: the other ranks may be waiting for this one.
      err << "wishart: rank " << world.rank() << ": " << describe(error) << '\n' << std::flush;
      code = static_cast<int>(blame_of(error));
    }
    leave_together(exit_comm, code, err);
    return code;
  } catch (const std::exception& error) {
    print_error(err, error);
    return static_cast<int>(blame_of(error));
  }
}

}  // namespace wishart::job
