#include "scan/ranks/over_ranks.hpp"

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/mpi/failure.hpp"
#include "wishart/mpi/launch.hpp"
#include "wishart/mpi/session.hpp"
#include "wishart/mpi/together.hpp"

#include "scan/machine/stop_signal.hpp"

namespace wishart::job {
namespace {

/// How long a rank waits for the others, which may be in the middle of a matrix, before it aborts
/// the job.
constexpr std::chrono::milliseconds kExitPatience{10'000};

/// The text of an error of this rank alone.
Ending own_ending(const std::exception& error) {
  return {blame_of(error), "rank " + std::to_string(mpi::world_rank()) + ": " + describe(error)};
}

/// Waits for the other ranks. If one does not arrive, aborts the whole job, with a message unless
/// this rank has already reported an error.
void leave_together(const mpi::Comm& exit_comm, const Ending& ending, std::ostream& err) {
  std::string why = " waited 10 s for the others at the end in vain; the job is aborted";
  Blame blame = Blame::resource;  // a rank that was killed, is stopped or has lost its network
  try {
    if (mpi::all_arrive(exit_comm, kExitPatience)) return;
  } catch (const Error& error) {  // of MPI: nobody knows who arrives
    blame = error.blame();
    why = std::string(": ") + error.what() + "; the job is aborted";
  }
  const Ending alone(blame, "rank " + std::to_string(exit_comm.rank()) + why);
  mpi::abort_all(ending.done() ? told(alone, err) : ending.exit_code());
}

}  // namespace

void abort_job(const std::exception_ptr& failure, std::ostream& err) {
  int code = static_cast<int>(Blame::bug);
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    code = told(own_ending(error), err);
  } catch (...) {
    code = told({Blame::bug, "an exception of unknown type"}, err);
  }
  mpi::abort_all(code);
}

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
      ending = own_ending(error);
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
