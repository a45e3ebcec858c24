#pragma once

/// @file
/// What surrounds the coordinator in the model of docs/protocol.md: ranks, their couriers and the
/// network, as a state, and what can happen to the coordinator in it.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "wishart/plan/plan.hpp"

#include "protocol_model.hpp"
#include "scan/ranks/coordination.hpp"

namespace wishart::test {

/// Where the main thread of a rank is.
enum class Doing : char {
  waiting = 'w',    ///< for a command
  solving = 's',    ///< in a collective solve with its team
  finishing = 'f',  ///< waits for its courier
  left = 'l',
  failed = 'x',  ///< has thrown: will abort the job if nothing holds it up
};

struct Rank {
  Doing doing = Doing::waiting;
  std::deque<job::Assignment> commands;  ///< sent to it, not received
  job::Assignment current;
  std::deque<job::Assignment> in_courier;  ///< results that the courier has not sent
  std::deque<job::Assignment> on_the_way;  ///< results that the coordinator has not received
  bool courier_failed = false;
};

/// All that the job consists of, and what is remembered of its past to check the properties.
struct State {
  explicit State(const plan::Plan& plan)
      : coordination(plan),
        ranks(static_cast<std::size_t>(plan.tree.front().size)),
        sent(plan.items.size(), 0),
        held(plan.items.size(), 0),
        solved(plan.items.size(), 0),
        polled(plan.items.size(), 0),
        taken(plan.items.size(), 0) {}

  job::Coordination coordination;
  std::vector<Rank> ranks;
  bool coordinator_over = false;
  bool told_to_leave = false;
  bool signal = false;      ///< has arrived
  bool failed = false;      ///< something that the coordinator knows of has failed
  bool unreceived = false;  ///< receiving failed: results may be lost, and the job says so
  bool abandoned = false;   ///< rank 0's worker has ended
  bool aborted = false;
  May left;  ///< what may still happen
  bool planted_left = true;
  std::vector<char> sent, held, solved, polled, taken;  ///< how often, for each item
  std::string broken;                                   ///< the property that does not hold
};

/// Two states with the same key have the same future. The schedule follows from what was sent and
/// what was received.
[[nodiscard]] std::string key_of(const State& s);

/// What the surroundings do in one round of the coordinator.
struct Choice {
  int from = -1;  ///< the rank whose result is received; -1: none
  enum class Fault : std::uint8_t {
    none,
    begin,
    take,
    returned,
    tick,
    poll,
    send,
    hold
  } fault = Fault::none;
  int sent_before = 0;  ///< with Fault::send: ranks of the team that get the command all the same
};

/// The coordinator's post and callbacks, in the state `s`.
class Surroundings final : public job::Post {
public:
  Surroundings(State& s, Choice choice, Planted planted, bool eager)
      : s_(&s), choice_(choice), planted_(planted), eager_(eager) {}

  /// True if the chosen fault, and the chosen message, have occurred.
  [[nodiscard]] bool happened() const {
    return (choice_.fault == Choice::Fault::none || hit_) && (choice_.from < 0 || polled_);
  }

  void send(const plan::Team& team, const job::Assignment& command) override;
  std::optional<job::Results> poll() override;
  bool all_left() override;
  [[nodiscard]] job::CoordinatorEvents events();

private:
  [[noreturn]] void fail(const char* what);

  State* s_;
  Choice choice_;
  Planted planted_;
  bool eager_;
  bool hit_ = false;
  bool polled_ = false;
};

}  // namespace wishart::test
