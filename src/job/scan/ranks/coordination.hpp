#pragma once

/// @file
/// What the coordinator does, in rounds and without MPI: docs/protocol.md. tests/unit/job tries it
/// with every order of messages, failures and signals.

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wishart/plan/plan.hpp"
#include "wishart/plan/schedule.hpp"

#include "scan/ranks/messages.hpp"

namespace wishart::job {

/// Callbacks of the coordinator; called only on its thread.
struct CoordinatorEvents {
  /// Called with work that is about to be assigned. Takes out the items that should not begin any
  /// more; they are held back.
  std::function<void(Assignment&)> begin;
  /// Called when a team has done an assignment.
  std::function<void(const Assignment&)> returned;
  /// Takes the results of one message. After an error no more work is assigned.
  std::function<void(std::vector<Result>&&)> take;
  /// True if rank 0's worker has ended, so that waiting is useless.
  std::function<bool()> abandoned;
  /// Called between messages, at least every few milliseconds.
  std::function<void()> tick;
  /// Why no more work should be assigned, or empty.
  std::function<std::string()> stop_reason;
};

/// How a run of the coordinator ended.
struct CoordinatorOutcome {
  std::string stop_reason;  ///< empty if everything was assigned or held back
  std::int64_t num_held_back = 0;
  std::exception_ptr failure;  ///< the first error, if there was one
  /// A command could not be sent, or there is no coordinator. A team may have the command in part,
  /// and then waits for its other ranks in vain: the job can only be aborted.
  bool cut_off = false;
};

/// The coordinator's way to the ranks.
class Post {
public:
  Post() = default;
  virtual ~Post() = default;
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;

  /// Sends a command to every rank of a team. Does not wait.
  virtual void send(const plan::Team& team, const Assignment& command) = 0;
  /// The results of one assignment, if some have arrived. Does not wait.
  virtual std::optional<Results> poll() = 0;
  /// True if all commands have been sent; forgets those that have.
  virtual bool all_left() = 0;
};

/// The coordinator's state, and what it does in one round. A value: a copy continues by itself.
class Coordination {
public:
  /// @param plan  must outlive this
  explicit Coordination(const plan::Plan& plan) : plan_(&plan), schedule_(plan) {}

  enum class Round : std::uint8_t {
    busy,  ///< a message was received
    idle,  ///< nothing happened: the caller may sleep
    over,  ///< the coordinator has ended
  };
  /// Hands out work, takes one message; at the end, tells the ranks to leave and waits until they
  /// know. Throws nothing that `post` or `events` throw: that is a failure of the outcome.
  [[nodiscard]] Round round(Post& post, const CoordinatorEvents& events);

  [[nodiscard]] const CoordinatorOutcome& outcome() const noexcept { return outcome_; }

private:
  enum class Phase : std::uint8_t { working, leaving, over };

  /// True if the action succeeded.
  template <class Action>
  bool guarded(const Action& action);
  void work(Post& post, const CoordinatorEvents& events);
  void leave(Post& post, const CoordinatorEvents& events, bool received_all);
  void hand_out(const plan::Assignment& work, Post& post, const CoordinatorEvents& events);
  void take_finished(const CoordinatorEvents& events);
  void send(Post& post, std::int64_t team, const Assignment& command);
  [[nodiscard]] bool stopping() const noexcept {
    return outcome_.failure != nullptr || !outcome_.stop_reason.empty();
  }

  const plan::Plan* plan_;
  plan::Schedule schedule_;
  CoordinatorOutcome outcome_;
  std::vector<Result> finished_;  ///< of one message, to be passed to events.take
  Phase phase_ = Phase::working;
  bool received_ = false;  ///< this round has received a message
};

}  // namespace wishart::job
