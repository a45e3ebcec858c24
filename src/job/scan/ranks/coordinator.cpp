#include "scan/ranks/coordinator.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "wishart/core/started_thread.hpp"

namespace wishart::job {
namespace {

/// The longest sleep between two polls for results. Meanwhile the ranks have work that was assigned
/// ahead (Schedule::ahead). Rank 0's worker needs the same core.
constexpr std::chrono::milliseconds kLongestSleep{5};

/// The way to the ranks of a communicator.
class MpiPost final : public Post {
public:
  explicit MpiPost(const mpi::Comm& control) : control_(&control), outbox_(control) {}

  void send(const plan::Team& team, const Assignment& command) override {
    outbox_.send(packed(command), team.first, team.size, kCommandTag);
  }
  std::optional<Results> poll() override {
    const auto message = control_->poll(kResultTag);
    if (!message) return std::nullopt;
    return unpacked<Results>(message->bytes);
  }
  bool all_left() override { return outbox_.all_left(); }

private:
  const mpi::Comm* control_;
  mpi::Outbox outbox_;
};

}  // namespace

CoordinatorOutcome coordinate(const mpi::Comm& control, const plan::Plan& plan,
                              const CoordinatorEvents& events) {
  MpiPost post(control);
  Coordination coordination(plan);
  mpi::Backoff backoff(kLongestSleep);
  while (true) {
    switch (coordination.round(post, events)) {
      case Coordination::Round::busy:
        backoff.reset();
        break;
      case Coordination::Round::idle:
        backoff.pause();
        break;
      case Coordination::Round::over:
        return coordination.outcome();
    }
  }
}

CoordinatorOutcome coordinate_beside(
    const std::function<CoordinatorOutcome(const std::atomic<bool>& abandoned)>& coordinator,
    const std::function<void()>& work,
    const std::function<void(const std::exception_ptr& failure)>& abort) {
  CoordinatorOutcome outcome;
  std::atomic<bool> abandoned = false;
  std::thread thread = started_thread("hands out the work", [&] {
    try {
      outcome = coordinator(abandoned);
    } catch (...) {
      outcome.failure = std::current_exception();
      outcome.cut_off = true;
    }
    if (outcome.cut_off && !abandoned) abort(outcome.failure);
  });
  try {
    work();
  } catch (...) {
    // The job cannot continue. The thread must end before its data are destroyed.
    abandoned = true;
    thread.join();
    throw;
  }
  thread.join();
  return outcome;
}

}  // namespace wishart::job
