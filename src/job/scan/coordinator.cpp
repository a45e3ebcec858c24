#include "scan/coordinator.hpp"

#include <chrono>
#include <utility>

#include "wishart/plan/schedule.hpp"

namespace wishart::job {
namespace {

/// The longest sleep between two polls for results. Meanwhile the ranks have work that was assigned
/// ahead (Schedule::ahead). Rank 0's worker needs the same core.
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
  std::vector<Result> finished;  ///< of one message, to be passed to events.take
  // An error in a callback (a full disk) must not leave the workers waiting: no new work is
  // assigned, but the results of running work are received before the ranks leave.
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
  const auto hand_out = [&](const plan::Assignment& work) {
    Assignment command{work.items, work.team};
    guarded([&] { events.begin(command); });
    outcome.num_held_back += static_cast<std::int64_t>(work.items.size() - command.items.size());
    if (command.items.empty()) {
      schedule.finish(work);
    } else {
      send_to_team(outbox, plan.tree[static_cast<std::size_t>(work.team)], command);
    }
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
        hand_out(*work);
      }
      take_finished();  // after assigning work, so that no rank waits
      if (schedule.idle() && (stopping || schedule.exhausted())) return;
      if (const auto message = control.poll(kResultTag)) {
        auto results = unpacked<Results>(message->bytes);
        schedule.finish({results.command.items, results.command.team});
        guarded([&] { events.returned(results.command); });
        finished = std::move(results.results);
        outbox.all_left();
        backoff.reset();
      } else {
        guarded([&] { events.tick(); });
        backoff.pause();
      }
    }
  };
  // An error in `run` itself is a failure of MPI or a defect: stop waiting.
  bool received_all = false;
  outcome.lost = true;
  guarded([&] {
    run();
    received_all = !events.abandoned();
    outcome.lost = false;
  });
  take_finished();
  if (schedule.exhausted()) outcome.stop_reason.clear();
  bool all_told = false;
  guarded([&] {
    send_to_team(outbox, plan.tree.front(), {{}, received_all ? kLeave : kLeaveAtOnce});
    while (!outbox.all_left() && !events.abandoned()) backoff.pause();
    all_told = true;
  });
  outcome.lost = outcome.lost || !all_told;
  return outcome;
}

}  // namespace wishart::job
