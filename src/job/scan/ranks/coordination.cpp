#include "scan/ranks/coordination.hpp"

#include <utility>

namespace wishart::job {

/// An error in a callback (a full disk) must not leave the workers waiting: no new work is
/// assigned, but the results of running work are received before the ranks leave.
template <class Action>
bool Coordination::guarded(const Action& action) {
  try {
    action();
    return true;
  } catch (...) {
    if (!outcome_.failure) outcome_.failure = std::current_exception();
    return false;
  }
}

void Coordination::send(Post& post, std::int64_t team, const Assignment& command) {
  try {
    post.send(plan_->tree[static_cast<std::size_t>(team)], command);
  } catch (...) {
    outcome_.cut_off = true;
    throw;
  }
}

void Coordination::take_finished(const CoordinatorEvents& events) {
  if (finished_.empty()) return;
  guarded([&] { events.take(std::exchange(finished_, {})); });
}

void Coordination::hand_out(const plan::Assignment& work, Post& post,
                            const CoordinatorEvents& events) {
  Assignment command{work.items, work.team};
  guarded([&] { events.begin(command); });
  if (outcome_.failure) command.items.clear();
  outcome_.num_held_back += static_cast<std::int64_t>(work.items.size() - command.items.size());
  if (command.items.empty()) {
    schedule_.finish(work);
  } else {
    send(post, work.team, command);
  }
}

void Coordination::work(Post& post, const CoordinatorEvents& events) {
  if (events.abandoned()) return leave(post, events, false);
  if (!stopping()) guarded([&] { outcome_.stop_reason = events.stop_reason(); });
  while (!stopping()) {
    auto work = schedule_.next();
    if (!work) work = schedule_.ahead();
    if (!work) break;
    hand_out(*work, post, events);
  }
  take_finished(events);  // after assigning work, so that no rank waits
  if (schedule_.idle() && (stopping() || schedule_.exhausted())) {
    return leave(post, events, !events.abandoned());
  }
  if (auto results = post.poll()) {
    received_ = true;
    schedule_.finish({results->command.items, results->command.team});
    guarded([&] { events.returned(results->command); });
    finished_ = std::move(results->results);
    static_cast<void>(post.all_left());
  } else {
    guarded([&] { events.tick(); });
  }
}

void Coordination::leave(Post& post, const CoordinatorEvents& events, bool received_all) {
  phase_ = Phase::leaving;
  take_finished(events);
  if (schedule_.exhausted()) outcome_.stop_reason.clear();
  send(post, 0, {{}, received_all ? kLeave : kLeaveAtOnce});
}

Coordination::Round Coordination::round(Post& post, const CoordinatorEvents& events) {
  received_ = false;
  if (phase_ == Phase::working) {
    const bool worked = guarded([&] { work(post, events); });
    // A failure of MPI or a defect: no more results are waited for.
    if (!worked && !outcome_.cut_off) guarded([&] { leave(post, events, false); });
  }
  if (phase_ == Phase::leaving && !outcome_.cut_off) {
    const bool known = guarded([&] {
      if (post.all_left() || events.abandoned()) phase_ = Phase::over;
    });
    if (!known) outcome_.cut_off = true;
  }
  if (outcome_.cut_off) phase_ = Phase::over;
  if (phase_ == Phase::over) return Round::over;
  return received_ ? Round::busy : Round::idle;
}

}  // namespace wishart::job
