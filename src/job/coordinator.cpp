#include "coordinator.hpp"

#include "wishart/plan/schedule.hpp"

namespace wishart::job {
namespace {

void send_to_team(const mpi::Comm& control, const plan::Team& team, const Assignment& command) {
  const std::vector<std::byte> bytes = packed(command);
  for (int rank = team.first; rank < team.first + team.size; ++rank) {
    control.send(bytes, rank, kCommandTag);
  }
}

}  // namespace

CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                              const CoordinatorEvents& events) {
  CoordinatorOutcome outcome;
  plan::Schedule schedule(plan);
  mpi::Backoff backoff;
  // An error in the surroundings (a full disk) must not leave the workers waiting: no new work, but
  // what runs is received before anybody leaves.
  const auto guarded = [&](const auto& action) {
    try {
      action();
    } catch (...) {
      if (!outcome.failure) outcome.failure = std::current_exception();
    }
  };
  const auto run = [&] {
    while (!events.abandoned()) {
      if (!outcome.failure && outcome.stop_reason.empty()) {
        guarded([&] { outcome.stop_reason = events.stop_reason(); });
      }
      const bool stopping = outcome.failure != nullptr || !outcome.stop_reason.empty();
      while (!stopping) {
        const auto work = schedule.next();
        if (!work) break;
        send_to_team(control, plan.tree[static_cast<std::size_t>(work->team)],
                     {work->items, work->team});
      }
      if (schedule.idle() && (stopping || schedule.exhausted())) return;
      if (const auto message = control.poll(kResultTag)) {
        auto results = unpacked<Results>(message->bytes);
        schedule.finish({results.command.items, results.command.team});
        for (Result& result : results.results) {
          guarded([&] { events.take(std::move(result)); });
        }
        backoff.reset();
      } else {
        guarded([&] { events.tick(); });
        backoff.pause();
      }
    }
  };
  // What throws past `guarded` is MPI's failure or a defect: nothing can be waited for any more.
  guarded(run);
  if (schedule.exhausted()) outcome.stop_reason.clear();
  guarded([&] { send_to_team(control, plan.tree.front(), Assignment{}); });
  return outcome;
}

}  // namespace wishart::job
