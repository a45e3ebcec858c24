/// @file
/// Every order of messages, failures and signals between a coordinator and three ranks:
/// docs/protocol.md.

#include <catch2/catch.hpp>

#include "protocol_model.hpp"

using namespace wishart;
using namespace wishart::test;

namespace {

struct Work {
  int team_size = 1;
  double seconds = 1;
};

/// A plan for 3 ranks. Powers of two, whose sums are exact.
plan::Plan plan_of(const std::vector<Work>& works) {
  plan::Plan plan;
  plan.tree = plan::team_tree(3);
  for (const Work& work : works) {
    plan::PlanItem item;
    item.matrix = std::ssize(plan.items);
    item.seconds = work.seconds;
    item.way.team_size = work.team_size;
    plan.items.push_back(item);
  }
  return plan;
}

/// A long matrix at the end lets shorter ones be assigned ahead, and tiny ones in batches.
constexpr double kLong = 64;

/// All ranks, then a pair beside a single rank, then work ahead.
plan::Plan mixed() { return plan_of({{3}, {2}, {1, 0.25}, {1, 0.25}, {1, kLong}}); }
plan::Plan ahead() {
  return plan_of({{1, 0.25}, {1, 0.25}, {1, 0.25}, {1, 0.25}, {1, 0.25}, {1, kLong}});
}
plan::Plan batches() {
  return plan_of({{1, 0.125}, {1, 0.125}, {1, 0.125}, {1, 0.125}, {1, 0.125}, {1, kLong}});
}
plan::Plan teams() { return plan_of({{3}, {2}, {2}, {1}}); }

/// Searches with messages that count as sent when they are received, or at once. Expects no fault,
/// and an end.
Searched search_both(const plan::Plan& plan, const May& may) {
  Searched sum;
  for (const bool eager : {false, true}) {
    const Searched found = search(plan, may, eager);
    INFO(found.fault);
    CHECK(found.fault.empty());
    CHECK(found.ends > 0);
    sum.states += found.states;
    sum.aborts += found.aborts;
  }
  return sum;
}

May may_only(std::initializer_list<bool May::*> these) {
  May may;
  for (bool May::*one : these) may.*one = true;
  return may;
}

}  // namespace

TEST_CASE("no order of messages keeps the ranks waiting, loses a result or does work twice",
          "[protocol]") {
  for (const plan::Plan& plan : {mixed(), ahead(), batches(), teams(), plan_of({})}) {
    const Searched found = search_both(plan, {});
    CHECK(found.states > 50);
    CHECK(found.aborts == 0);
  }
}

TEST_CASE(
    "a job that is told to stop, or whose time is up, ends with every result of what it began",
    "[protocol]") {
  for (const plan::Plan& plan : {mixed(), ahead(), batches(), teams(), plan_of({})}) {
    CHECK(search_both(plan, may_only({&May::signal, &May::hold_back})).aborts == 0);
  }
}

TEST_CASE("a full disk, a failing MPI or a failing rank ends the job at any time", "[protocol]") {
  for (const plan::Plan& plan : {mixed(), batches(), teams(), plan_of({})}) {
    CHECK(search_both(plan, may_only({&May::callback_fail, &May::signal})).aborts == 0);
    CHECK(search_both(plan, may_only({&May::poll_fail})).aborts == 0);
    CHECK(search_both(plan, may_only({&May::send_fail, &May::courier_fail})).aborts > 0);
    CHECK(search_both(plan, may_only({&May::rank_fail})).aborts > 0);
  }
}

TEST_CASE("everything at once", "[.protocol_all]") {
  const May may{true, true, true, true, true, true, true};
  std::int64_t states = 0;
  for (const plan::Plan& plan : {mixed(), batches(), teams(), plan_of({})})
    states += search_both(plan, may).states;
  WARN(states << " states");
}

TEST_CASE("the search finds faults that are planted", "[protocol]") {
  struct Case {
    Planted planted;
    May may;
    const char* fault;
  };
  for (const Case& one :
       {Case{Planted::lost_result,
             {},
             "nobody can go on: a deadlock. Before that:\n  start\n  the coordinator's round"},
        Case{Planted::doubled_result, {}, "item 0 is done twice"},
        Case{Planted::lost_command,
             {},
             "nobody can go on: a deadlock. Before that:\n  start\n  the coordinator's round"},
        Case{Planted::deaf_rank, may_only({&May::courier_fail}),
             "nobody can go on: a deadlock. Before that:\n  start\n  the coordinator's round"},
        Case{Planted::forgotten_signal, may_only({&May::signal}),
             "work is handed out after a failure or a signal"},
        Case{Planted::silent_rank, may_only({&May::rank_fail}),
             "nobody can go on: a deadlock. Before that:\n  start\n  the coordinator's round"},
        Case{Planted::ignored_cut_off, may_only({&May::send_fail}),
             "nobody can go on: a deadlock. Before that:\n  start\n  the coordinator's round"}}) {
    CHECK(search(mixed(), one.may, false).fault.empty());
    const std::string found = search(mixed(), one.may, false, one.planted).fault;
    INFO(static_cast<int>(one.planted) << ": " << found);
    CHECK(found.starts_with(one.fault));
  }
}
