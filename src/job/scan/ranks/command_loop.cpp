#include "scan/ranks/command_loop.hpp"

#include "wishart/mpi/courier.hpp"

namespace wishart::job {
namespace {

/// Waits for the next command. Sleeps between polls, like Comm::receive.
/// @throws what the courier failed with: the coordinator would wait for that result, and send no
///   more commands
Assignment next_command(const mpi::Comm& control, mpi::Courier& courier) {
  mpi::Backoff backoff;
  while (true) {
    if (const auto message = control.poll(kCommandTag)) return unpacked<Assignment>(message->bytes);
    courier.check();
    backoff.pause();
  }
}

}  // namespace

void follow_commands(const mpi::Comm& control, const Skills& skills) {
  mpi::Courier courier(control, 0, kResultTag);
  while (true) {
    Results results;
    results.command = next_command(control, courier);
    if (results.command.items.empty()) {
      if (results.command.team == kLeave) courier.finish();
      return;  // otherwise nobody receives unsent results
    }
    results.results.reserve(results.command.items.size());
    for (const std::int64_t item : results.command.items) {
      results.results.push_back(skills.solve(item, results.command.team));
    }
    if (skills.is_first(results.command.team)) courier.send(packed(results));
  }
}

}  // namespace wishart::job
