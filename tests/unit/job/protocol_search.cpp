#include <algorithm>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol_model.hpp"
#include "protocol_transport.hpp"

namespace wishart::test {
namespace {

using job::Assignment;
using job::Coordination;

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
