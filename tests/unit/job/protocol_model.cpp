#include "protocol_model.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "scan/coordination.hpp"

namespace wishart::test {
namespace {

using job::Assignment;
using job::Coordination;
using job::Result;
using job::Results;

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
  std::deque<Assignment> commands;  ///< sent to it, not received
  Assignment current;
  std::deque<Assignment> in_courier;  ///< results that the courier has not sent
  std::deque<Assignment> on_the_way;  ///< results that the coordinator has not received
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

  Coordination coordination;
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

std::string text_of(const std::deque<Assignment>& all) {
  std::string text;
  for (const Assignment& one : all) {
    text += std::to_string(one.team);
    for (const std::int64_t item : one.items) text.append(",").append(std::to_string(item));
    text += ';';
  }
  return text;
}

/// Two states with the same key have the same future. The schedule follows from what was sent and
/// what was received.
std::string key_of(const State& s) {
  std::string key;
  for (const Rank& rank : s.ranks) {
    key += static_cast<char>(rank.doing);
    key += text_of(rank.commands) + '|' + text_of({rank.current}) + '|' + text_of(rank.in_courier) +
           '|' + text_of(rank.on_the_way) + (rank.courier_failed ? "!" : ".");
  }
  for (const auto* counts : {&s.sent, &s.held, &s.solved, &s.polled, &s.taken}) {
    for (const char count : *counts) key += static_cast<char>('0' + count);
  }
  const job::CoordinatorOutcome& outcome = s.coordination.outcome();
  for (const bool flag :
       {s.coordinator_over, s.told_to_leave, s.signal, s.failed, s.unreceived, s.abandoned,
        s.aborted, s.left.signal, s.left.hold_back, s.left.callback_fail, s.left.poll_fail,
        s.left.send_fail, s.left.courier_fail, s.left.rank_fail, s.planted_left,
        outcome.failure != nullptr, !outcome.stop_reason.empty(), outcome.cut_off}) {
    key += flag ? '1' : '0';
  }
  return key;
}

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

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

  void send(const plan::Team& team, const Assignment& command) override {
    if (command.items.empty()) {
      s_->told_to_leave = true;
    } else {
      if (s_->failed || s_->signal) s_->broken = "work is handed out after a failure or a signal";
      for (const std::int64_t item : command.items) ++s_->sent[static_cast<std::size_t>(item)];
    }
    for (int i = 0; i < team.size; ++i) {
      if (choice_.fault == Choice::Fault::send && i == choice_.sent_before)
        fail("a command cannot be sent");
      if (planted_ == Planted::lost_command && s_->planted_left && !command.items.empty() &&
          i > 0) {
        s_->planted_left = false;
        continue;
      }
      s_->ranks[static_cast<std::size_t>(team.first + i)].commands.push_back(command);
    }
  }

  std::optional<Results> poll() override {
    if (choice_.fault == Choice::Fault::poll) {
      s_->unreceived = true;
      fail("a result cannot be received");
    }
    if (choice_.from < 0) return std::nullopt;
    polled_ = true;
    std::deque<Assignment>& way = s_->ranks[static_cast<std::size_t>(choice_.from)].on_the_way;
    Results results;
    results.command = way.front();
    const bool twice = planted_ == Planted::doubled_result && s_->planted_left;
    if (twice) {
      s_->planted_left = false;
    } else {
      way.pop_front();
    }
    for (const std::int64_t item : results.command.items) {
      ++s_->polled[static_cast<std::size_t>(item)];
      Result result;
      result.item = item;
      results.results.push_back(std::move(result));
    }
    return results;
  }

  bool all_left() override {
    if (eager_) return true;
    return std::all_of(s_->ranks.begin(), s_->ranks.end(),
                       [](const Rank& rank) { return rank.commands.empty(); });
  }

  [[nodiscard]] job::CoordinatorEvents events() {
    job::CoordinatorEvents events;
    events.begin = [this](Assignment& work) {
      if (choice_.fault == Choice::Fault::begin) fail("begin");
      if (choice_.fault != Choice::Fault::hold || hit_) return;
      hit_ = true;
      for (const std::int64_t item : work.items) ++s_->held[static_cast<std::size_t>(item)];
      work.items.clear();
    };
    events.returned = [this](const Assignment&) {
      if (choice_.fault == Choice::Fault::returned) fail("returned");
    };
    events.take = [this](std::vector<Result>&& results) {
      if (choice_.fault == Choice::Fault::take) fail("take");
      for (const Result& result : results) ++s_->taken[static_cast<std::size_t>(result.item)];
    };
    events.abandoned = [this] { return s_->abandoned; };
    events.tick = [this] {
      if (choice_.fault == Choice::Fault::tick) fail("tick");
    };
    events.stop_reason = [this]() -> std::string {
      if (!s_->signal || planted_ == Planted::forgotten_signal) return {};
      return "stopped by a signal";
    };
    return events;
  }

private:
  [[noreturn]] void fail(const char* what) {
    hit_ = true;
    s_->failed = true;
    choice_.fault = Choice::Fault::none;
    throw Failed(what);
  }

  State* s_;
  Choice choice_;
  Planted planted_;
  bool eager_;
  bool hit_ = false;
  bool polled_ = false;
};

class Search {
public:
  Search(const plan::Plan& plan, const May& may, bool eager, Planted planted)
      : plan_(plan), eager_(eager), planted_(planted) {
    State first(plan);
    first.left = may;
    add(std::move(first), -1, "start");
  }

  Searched run() {
    for (; !frontier_.empty() && searched_.fault.empty(); frontier_.pop_front()) {
      at_ = frontier_.front().first;
      const State state = std::move(frontier_.front().second);
      moved_ = false;
      if (const std::string broken = broken_in(state); !broken.empty()) {
        tell(broken);
        break;
      }
      if (has_ended(state)) {
        ++(state.aborted ? searched_.aborts : searched_.ends);
        continue;
      }
      coordinator(state);
      signal(state);
      for (std::size_t r = 0; r < state.ranks.size(); ++r) rank(state, r);
      for (std::size_t t = 0; t < plan_.tree.size(); ++t) team(state, t);
      network(state);
      abort(state);
      if (!moved_) tell("nobody can go on: a deadlock");
    }
    if (searched_.fault.empty() && has_cycle()) searched_.fault = "the job may go round in circles";
    searched_.states = static_cast<std::int64_t>(before_.size());
    return searched_;
  }

private:
  static bool has_ended(const State& s) {
    return s.aborted ||
           (s.coordinator_over && std::all_of(s.ranks.begin(), s.ranks.end(), [](const Rank& rank) {
              return rank.doing == Doing::left;
            }));
  }

  /// The property that does not hold in this state, or nothing.
  [[nodiscard]] std::string broken_in(const State& s) const {
    if (!s.broken.empty()) return s.broken;
    for (std::size_t i = 0; i < s.sent.size(); ++i) {
      if (s.sent[i] > 1 || s.solved[i] > 1 || s.taken[i] > 1)
        return "item " + std::to_string(i) + " is done twice";
    }
    if (!has_ended(s) || s.aborted) return {};
    const job::CoordinatorOutcome& outcome = s.coordination.outcome();
    if ((outcome.failure != nullptr) != s.failed)
      return "a failure is kept back, or there was none";
    bool all = true;
    for (std::size_t i = 0; i < s.sent.size(); ++i) {
      const bool received = s.polled[i] == s.sent[i];
      if (!s.unreceived && !received)
        return "the result of item " + std::to_string(i) + " is not received";
      if (!s.failed && s.taken[i] != s.sent[i])
        return "the result of item " + std::to_string(i) + " is lost";
      all = all && s.sent[i] + s.held[i] == 1;
    }
    if (s.failed) return {};
    if (!all && !s.signal) return "the job ends without a reason before all is done";
    if (all != outcome.stop_reason.empty())
      return "the outcome does not say whether all was handed out";
    if (outcome.num_held_back != std::count(s.held.begin(), s.held.end(), 1))
      return "held back is miscounted";
    return {};
  }

  void add(State&& state, std::int64_t from, std::string how) {
    const auto [entry, is_new] =
        number_.try_emplace(key_of(state), static_cast<std::int64_t>(before_.size()));
    if (from == entry->second) return;  // nothing has changed
    if (from >= 0) {
      moved_ = true;
      ++searched_.steps;
      edges_.emplace_back(from, entry->second);
    }
    if (!is_new) return;
    before_.emplace_back(from, std::move(how));
    frontier_.emplace_back(entry->second, std::move(state));
  }

  /// One round of the coordinator, with everything that can happen in it.
  void coordinator(const State& state) {
    if (state.coordinator_over) return;
    using Fault = Choice::Fault;
    std::vector<Choice> choices{{}};
    for (std::size_t r = 0; r < state.ranks.size(); ++r) {
      if (!state.ranks[r].on_the_way.empty())
        choices.push_back({static_cast<int>(r), Fault::none, 0});
    }
    const std::size_t plain = choices.size();
    for (std::size_t i = 0; i < plain; ++i) {
      const auto with = [&](Fault fault, int before = 0) {
        choices.push_back({choices[i].from, fault, before});
      };
      if (state.left.hold_back) with(Fault::hold);
      if (state.left.callback_fail) {
        for (const Fault fault : {Fault::begin, Fault::take, Fault::returned, Fault::tick})
          with(fault);
      }
      if (state.left.poll_fail && choices[i].from < 0) with(Fault::poll);
      if (state.left.send_fail) {
        for (int before = 0; before < std::ssize(state.ranks); ++before) with(Fault::send, before);
      }
    }
    for (const Choice& choice : choices) {
      State next = state;
      if (choice.fault == Fault::hold) next.left.hold_back = false;
      if (choice.fault == Fault::poll) next.left.poll_fail = false;
      if (choice.fault == Fault::send) next.left.send_fail = false;
      if (choice.fault == Fault::begin || choice.fault == Fault::take ||
          choice.fault == Fault::returned || choice.fault == Fault::tick) {
        next.left.callback_fail = false;
      }
      Surroundings surroundings(next, choice, planted_, eager_);
      const auto round = next.coordination.round(surroundings, surroundings.events());
      if (!surroundings.happened()) continue;
      next.coordinator_over = round == Coordination::Round::over;
      std::string how = "the coordinator's round";
      if (choice.from >= 0) how += " receives from rank " + std::to_string(choice.from);
      if (choice.fault != Fault::none)
        how += ", with fault " + std::to_string(static_cast<int>(choice.fault));
      add(std::move(next), at_, std::move(how));
    }
  }

  void signal(const State& state) {
    if (!state.left.signal) return;
    State next = state;
    next.left.signal = false;
    next.signal = true;
    add(std::move(next), at_, "a signal");
  }

  /// What rank `r` can do by itself.
  void rank(const State& state, std::size_t r) {
    const Rank& now = state.ranks[r];
    const std::string name = "rank " + std::to_string(r);
    const auto step = [&](const char* what, const auto& change) {
      State next = state;
      change(next, next.ranks[r]);
      add(std::move(next), at_, name + what);
    };
    if (now.doing == Doing::waiting && !now.commands.empty()) {
      step(" takes a command", [](State& /*next*/, Rank& rank) {
        const Assignment command = rank.commands.front();
        rank.commands.pop_front();
        if (!command.items.empty()) {
          rank.current = command;
          rank.doing = Doing::solving;
        } else if (command.team == job::kLeave) {
          rank.doing = Doing::finishing;
        } else {
          rank.doing = Doing::left;
          rank.in_courier.clear();
        }
      });
    }
    const bool notices = now.doing == Doing::finishing ||
                         (now.doing == Doing::waiting && planted_ != Planted::deaf_rank);
    if (now.courier_failed && notices) {
      step(" learns that its courier failed",
           [&](State& next, Rank& rank) { fail(next, rank, r); });
    }
    if (!now.courier_failed && !now.in_courier.empty()) {
      step("'s courier sends", [](State& /*next*/, Rank& rank) {
        for (Assignment& one : rank.in_courier) rank.on_the_way.push_back(std::move(one));
        rank.in_courier.clear();
      });
      if (state.left.courier_fail) {
        step("'s courier fails", [](State& next, Rank& rank) {
          next.left.courier_fail = false;
          rank.courier_failed = true;
          rank.in_courier.clear();
        });
      }
    }
    if (now.doing == Doing::finishing && !now.courier_failed && now.in_courier.empty() &&
        (eager_ || now.on_the_way.empty())) {
      step(" leaves", [](State& /*next*/, Rank& rank) { rank.doing = Doing::left; });
    }
    if (state.left.rank_fail && (now.doing == Doing::waiting || now.doing == Doing::finishing)) {
      step(" fails", [&](State& next, Rank& rank) {
        next.left.rank_fail = false;
        fail(next, rank, r);
      });
    }
  }

  static void fail(State& next, Rank& rank, std::size_t r) {
    rank.doing = Doing::failed;
    if (r == 0) next.abandoned = true;
  }

  /// A team whose ranks are all in the same solve comes out of it.
  void team(const State& state, std::size_t t) {
    const plan::Team& team = plan_.tree[t];
    for (int i = 0; i < team.size; ++i) {
      const Rank& rank = state.ranks[static_cast<std::size_t>(team.first + i)];
      if (rank.doing != Doing::solving || rank.current.team != static_cast<std::int64_t>(t)) return;
    }
    State next = state;
    Rank& first = next.ranks[static_cast<std::size_t>(team.first)];
    const Assignment work = first.current;
    for (int i = 0; i < team.size; ++i) {
      Rank& rank = next.ranks[static_cast<std::size_t>(team.first + i)];
      if (rank.current.items != work.items)
        next.broken = "the ranks of a team solve different matrices together";
      rank.current = {};
      rank.doing = Doing::waiting;
    }
    for (const std::int64_t item : work.items) ++next.solved[static_cast<std::size_t>(item)];
    if (first.courier_failed) {  // Courier::send throws
      fail(next, first, static_cast<std::size_t>(team.first));
    } else {
      first.in_courier.push_back(work);
    }
    add(std::move(next), at_, "team " + std::to_string(t) + " is done");
  }

  void network(const State& state) {
    if (planted_ != Planted::lost_result || !state.planted_left) return;
    for (std::size_t r = 0; r < state.ranks.size(); ++r) {
      if (state.ranks[r].on_the_way.empty()) continue;
      State next = state;
      next.planted_left = false;
      next.ranks[r].on_the_way.pop_front();
      add(std::move(next), at_, "the network loses a result");
    }
  }

  /// A rank that has failed waits some seconds for the others, then aborts the job. Rank 0 first
  /// waits for its coordinator. The coordinator aborts it if a command could not be sent.
  void abort(const State& state) {
    bool aborts = state.coordinator_over && state.coordination.outcome().cut_off &&
                  planted_ != Planted::ignored_cut_off;
    for (std::size_t r = 0; r < state.ranks.size(); ++r) {
      const bool free = r > 0 || state.coordinator_over;
      aborts = aborts ||
               (state.ranks[r].doing == Doing::failed && free && planted_ != Planted::silent_rank);
    }
    if (!aborts) return;
    State next = state;
    next.aborted = true;
    add(std::move(next), at_, "the job is aborted");
  }

  void tell(const std::string& what) {
    searched_.fault = what + ". Before that:";
    std::vector<std::string> path;
    for (std::int64_t at = at_; at >= 0; at = before_[static_cast<std::size_t>(at)].first) {
      path.push_back(before_[static_cast<std::size_t>(at)].second);
    }
    for (auto step = path.rbegin(); step != path.rend(); ++step)
      searched_.fault.append("\n  ").append(*step);
  }

  /// True if some states do not come to an end when those that lead nowhere else are taken away one
  /// by one.
  [[nodiscard]] bool has_cycle() const {
    std::vector<std::int64_t> arrivals(before_.size(), 0);
    std::vector<std::vector<std::int64_t>> next(before_.size());
    for (const auto& [from, to] : edges_) {
      ++arrivals[static_cast<std::size_t>(to)];
      next[static_cast<std::size_t>(from)].push_back(to);
    }
    std::vector<std::int64_t> free;
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      if (arrivals[i] == 0) free.push_back(static_cast<std::int64_t>(i));
    }
    std::size_t gone = 0;
    while (!free.empty()) {
      const std::int64_t one = free.back();
      free.pop_back();
      ++gone;
      for (const std::int64_t to : next[static_cast<std::size_t>(one)]) {
        if (--arrivals[static_cast<std::size_t>(to)] == 0) free.push_back(to);
      }
    }
    return gone != before_.size();
  }

  const plan::Plan& plan_;
  bool eager_;
  Planted planted_;
  std::unordered_map<std::string, std::int64_t> number_;  ///< of each state that was seen
  std::vector<std::pair<std::int64_t, std::string>>
      before_;  ///< of each state: where from, and how
  std::vector<std::pair<std::int64_t, std::int64_t>> edges_;
  std::deque<std::pair<std::int64_t, State>> frontier_;
  std::int64_t at_ = -1;
  bool moved_ = false;
  Searched searched_;
};

}  // namespace

Searched search(const plan::Plan& plan, const May& may, bool eager, Planted planted) {
  return Search(plan, may, eager, planted).run();
}

}  // namespace wishart::test
