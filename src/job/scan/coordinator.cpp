#include "scan/coordinator.hpp"

#include <chrono>
#include <utility>

#include "wishart/plan/schedule.hpp"

namespace wishart::job {
namespace {

/// The longest sleep between two looks for results. A rank has work lying there meanwhile
/// (Schedule::ahead), and the core of rank 0 is its worker's too.
constexpr std::chrono::milliseconds kLongestSleep{5};

void send_to_team(mpi::Outbox& outbox, const plan::Team& team, const Assignment& command) {
  outbox.send(packed(command), team.first, team.size, kCommandTag);
}

}  // namespace

CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                              const CoordinatorEvents& events) {
  CoordinatorOutcome outcome;
  plan::Schedule schedule(plan);
  mpi::Outbox outbox(control);
  mpi::Backoff backoff(kLongestSleep);
  std::vector<Result> finished;  ///< of one message, not taken yet
  // An error in the surroundings (a full disk) must not leave the workers waiting: no new work, but
  // what runs is received before anybody leaves.
  const auto guarded = [&](const auto& action) {
    try {
      action();
    } catch (...) {
      if (!outcome.failure) outcome.failure = std::current_exception();
    }
  };
  const auto take_finished = [&] {
    if (!finished.empty()) guarded([&] { events.take(std::exchange(finished, {})); });
  };
  const auto run = [&] {
    while (!events.abandoned()) {
      if (!outcome.failure && outcome.stop_reason.empty()) {
        guarded([&] { outcome.stop_reason = events.stop_reason(); });
      }
      const bool stopping = outcome.failure != nullptr || !outcome.stop_reason.empty();
      while (!stopping) {
        auto work = schedule.next();
        if (!work) work = schedule.ahead();
        if (!work) break;
        send_to_team(outbox, plan.tree[static_cast<std::size_t>(work->team)],
                     {work->items, work->team});
      }
      take_finished();  // only now, so that no rank waits meanwhile
      if (schedule.idle() && (stopping || schedule.exhausted())) return;
      if (const auto message = control.poll(kResultTag)) {
        auto results = unpacked<Results>(message->bytes);
        schedule.finish({results.command.items, results.command.team});
        finished = std::move(results.results);
        outbox.all_left();
        backoff.reset();
      } else {
        guarded([&] { events.tick(); });
        backoff.pause();
      }
    }
  };
  // What throws past `guarded` is MPI's failure or a defect: nothing can be waited for any more.
  bool received_all = false;
  guarded([&] {
    run();
    received_all = !events.abandoned();
  });
  take_finished();
  if (schedule.exhausted()) outcome.stop_reason.clear();
  guarded([&] {
    send_to_team(outbox, plan.tree.front(), {{}, received_all ? kLeave : kLeaveAtOnce});
    while (!outbox.all_left() && !events.abandoned()) backoff.pause();
  });
  return outcome;
}

}  // namespace wishart::job
