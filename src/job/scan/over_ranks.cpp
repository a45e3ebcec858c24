#include "scan/over_ranks.hpp"

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/mpi/launch.hpp"
#include "wishart/mpi/session.hpp"
#include "wishart/mpi/together.hpp"

#include "scan/stop_signal.hpp"

namespace wishart::job {
namespace {

/// How long a rank waits for the others at the end before it aborts the job.
constexpr std::chrono::milliseconds kExitPatience{10'000};

/// Waits for the other ranks. If one does not arrive, aborts the whole job, with a message unless
/// this rank has already reported an error.
void leave_together(const mpi::Comm& exit_comm, const Ending& ending, std::ostream& err) {
  if (mpi::all_arrive(exit_comm, kExitPatience)) return;
  const Ending alone(Blame::bug,
                     "rank " + std::to_string(exit_comm.rank()) +
                         " waited 10 s for the others at the end in vain; the job is aborted");
  MPI_Abort(MPI_COMM_WORLD, ending.done() ? told(alone, err) : ending.exit_code());
}

}  // namespace

Ending shared_ending(const mpi::Comm& world, const Ending& own) {
  Packer pack;
  pack(own.exit_code());
  pack(own.reason());
  std::vector<std::byte> bytes = pack.take();
  world.broadcast(bytes, 0);
  int code = 0;
  std::string reason;
  Unpacker unpack(bytes);
  unpack(code);
  unpack(reason);
  if (code == kGateFailed) return Ending::gate_failed(std::move(reason));
  return code == 0 ? Ending() : Ending(static_cast<Blame>(code), std::move(reason));
}

int run_over_ranks(const std::function<void()>& parse,
                   const std::function<Ending(const mpi::Comm&)>& body, std::ostream& err) {
  const StopSignal signals;  // before MPI starts its threads, so that they inherit the mask
  const mpi::Launch launch = mpi::this_launch();  // before MPI sets such variables itself
  try {
    const mpi::Session session;
    const mpi::Comm world = mpi::Comm::world();
    if (const std::string text = mpi::alone_text(launch, world.size(), mpi::library_name());
        !text.empty()) {
      const Ending alone(Blame::resource, text);
      return launch.rank == 0 || launch.copies == 0 ? told(alone, err) : alone.exit_code();
    }
    const mpi::Comm exit_comm = world.duplicate();
    Ending ending;
    bool tells = world.rank() == 0;
    try {
      // Every rank parses the same arguments, but an error is printed only once.
      mpi::together(world, parse);
      ending = body(world);
    } catch (const mpi::AgreedError& error) {
      ending = Ending(error);
    } catch (const std::exception& error) {
      // An error on this rank only: the others may be waiting for it.
      ending = {blame_of(error), "rank " + std::to_string(world.rank()) + ": " + describe(error)};
      tells = true;
    }
    const int code = tells ? told(ending, err) : ending.exit_code();
    leave_together(exit_comm, ending, err);
    return code;
  } catch (const std::exception& error) {
    return told(Ending(error), err);
  }
}

}  // namespace wishart::job
