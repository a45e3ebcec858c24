#include "protocol_transport.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace wishart::test {

using job::Assignment;
using job::Result;
using job::Results;

namespace {

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
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

}  // namespace

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

void Surroundings::send(const plan::Team& team, const Assignment& command) {
  if (command.items.empty()) {
    s_->told_to_leave = true;
  } else {
    if (s_->failed || s_->signal) s_->broken = "work is handed out after a failure or a signal";
    for (const std::int64_t item : command.items) ++s_->sent[static_cast<std::size_t>(item)];
  }
  for (int i = 0; i < team.size; ++i) {
    if (choice_.fault == Choice::Fault::send && i == choice_.sent_before)
      fail("a command cannot be sent");
    if (planted_ == Planted::lost_command && s_->planted_left && !command.items.empty() && i > 0) {
      s_->planted_left = false;
      continue;
    }
    s_->ranks[static_cast<std::size_t>(team.first + i)].commands.push_back(command);
  }
}

std::optional<Results> Surroundings::poll() {
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

bool Surroundings::all_left() {
  if (eager_) return true;
  return std::all_of(s_->ranks.begin(), s_->ranks.end(),
                     [](const Rank& rank) { return rank.commands.empty(); });
}

job::CoordinatorEvents Surroundings::events() {
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

void Surroundings::fail(const char* what) {
  hit_ = true;
  s_->failed = true;
  choice_.fault = Choice::Fault::none;
  throw Failed(what);
}

}  // namespace wishart::test
