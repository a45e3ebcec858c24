/// @file
/// The coordinator's bookkeeping: every item once, no rank used twice at a time.

#include <deque>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/plan/schedule.hpp"

using namespace wishart::plan;

namespace {

Plan plan_of(int ranks, const std::vector<int>& team_sizes, double seconds = 1.0) {
  Plan plan;
  plan.tree = team_tree(ranks);
  for (std::size_t i = 0; i < team_sizes.size(); ++i) {
    PlanItem item;
    item.matrix = static_cast<std::int64_t>(i);
    item.seconds = seconds;
    item.way.team_size = team_sizes[i];
    plan.items.push_back(item);
  }
  return plan;
}

}  // namespace

TEST_CASE("large teams go first, and free ranks take smaller work beside them", "[schedule]") {
  const Plan plan = plan_of(6, {4, 2, 2, 1});
  Schedule schedule(plan);
  const auto first = schedule.next();
  REQUIRE(first);
  CHECK(first->items.front() == 0);
  CHECK(plan.tree[static_cast<std::size_t>(first->team)].first == 0);
  const auto second = schedule.next();
  REQUIRE(second);
  CHECK(second->items.front() == 1);
  CHECK(plan.tree[static_cast<std::size_t>(second->team)].first == 4);
  CHECK_FALSE(schedule.next());
  schedule.finish(*second);
  const auto third = schedule.next();
  REQUIRE(third);
  CHECK(third->items.front() == 2);
}

TEST_CASE("with more ranks than matrices some ranks have no work", "[schedule]") {
  const Plan plan = plan_of(7, {1, 1});
  Schedule schedule(plan);
  const auto a = schedule.next();
  const auto b = schedule.next();
  REQUIRE(a);
  REQUIRE(b);
  CHECK_FALSE(schedule.next());
  CHECK(schedule.exhausted());
  schedule.finish(*a);
  schedule.finish(*b);
  CHECK(schedule.idle());
}

TEST_CASE("every item is done once, whatever the order of finishing", "[schedule]") {
  std::mt19937 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    const int ranks = 1 + static_cast<int>(random() % 13);
    const std::vector<int> sizes = team_sizes(team_tree(ranks));
    std::vector<int> wanted;
    for (int i = 0; i < 20; ++i) wanted.push_back(sizes[random() % sizes.size()]);
    std::sort(wanted.rbegin(), wanted.rend());
    const Plan plan = plan_of(ranks, wanted);
    Schedule schedule(plan);
    std::vector<int> done(wanted.size(), 0);
    std::vector<int> busy(static_cast<std::size_t>(ranks), 0);
    std::deque<Assignment> running;
    while (!schedule.exhausted() || !schedule.idle()) {
      while (const auto work = schedule.next()) {
        const Team& team = plan.tree[static_cast<std::size_t>(work->team)];
        CHECK(team.size == wanted[static_cast<std::size_t>(work->items.front())]);
        for (int r = team.first; r < team.first + team.size; ++r) {
          CHECK(++busy[static_cast<std::size_t>(r)] == 1);
        }
        running.push_back(*work);
      }
      REQUIRE_FALSE(running.empty());
      const std::size_t which = random() % running.size();
      const Assignment finished = running[which];
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      const Team& team = plan.tree[static_cast<std::size_t>(finished.team)];
      for (int r = team.first; r < team.first + team.size; ++r) --busy[static_cast<std::size_t>(r)];
      for (const std::int64_t item : finished.items) ++done[static_cast<std::size_t>(item)];
      schedule.finish(finished);
    }
    CHECK(done == std::vector<int>(wanted.size(), 1));
  }
}

TEST_CASE("small matrices for single ranks are assigned in batches that shrink towards the end",
          "[schedule]") {
  // 10000 matrices of a millisecond on 4 ranks.
  const Plan plan = plan_of(4, std::vector<int>(10000, 1), 1e-3);
  Schedule schedule(plan);
  std::deque<Assignment> running;
  std::size_t messages = 0;
  std::size_t largest = 0;
  std::size_t last = 0;
  std::size_t done = 0;
  while (!schedule.exhausted() || !schedule.idle()) {
    while (const auto work = schedule.next()) {
      ++messages;
      largest = std::max(largest, work->items.size());
      last = work->items.size();
      running.push_back(*work);
    }
    done += running.front().items.size();
    schedule.finish(running.front());
    running.pop_front();
  }
  CHECK(done == 10000);
  CHECK(largest >= 240);  // a quarter of a second
  CHECK(largest <= 250);
  CHECK(last == 1);  // so that the ranks finish together
  CHECK(messages < 300);
}

TEST_CASE("a rank working on a batch gets one more ahead, while there are many", "[schedule]") {
  const Plan plan = plan_of(2, std::vector<int>(400, 1), 0.01);
  Schedule schedule(plan);
  CHECK_FALSE(schedule.ahead());  // no rank is working yet
  const auto first = schedule.next();
  const auto second = schedule.next();
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(schedule.next());
  const auto third = schedule.ahead();
  const auto fourth = schedule.ahead();
  REQUIRE(third);
  REQUIRE(fourth);
  CHECK(third->items.size() > 1);
  CHECK(third->team == first->team);
  CHECK(fourth->team == second->team);
  CHECK_FALSE(schedule.ahead());  // each has two
  schedule.finish(*first);
  CHECK_FALSE(schedule.next());  // it is working on what it got ahead
  const auto fifth = schedule.ahead();
  REQUIRE(fifth);
  CHECK(fifth->team == first->team);
}

TEST_CASE("large matrices are assigned ahead one by one, while there are many", "[schedule]") {
  const Plan plan = plan_of(2, std::vector<int>(50, 1), 1.0);
  Schedule schedule(plan);
  const auto first = schedule.next();
  REQUIRE(first);
  REQUIRE(schedule.next());
  const auto third = schedule.ahead();
  REQUIRE(third);
  CHECK(third->items.size() == 1);
  CHECK(third->team == first->team);
}

TEST_CASE("nothing is assigned ahead that another rank should get", "[schedule]") {
  SECTION("large matrices, if there are few") {
    Plan plan = plan_of(2, std::vector<int>(10, 1), 1.0);
    Schedule schedule(plan);
    REQUIRE(schedule.next());
    REQUIRE(schedule.next());
    CHECK_FALSE(schedule.ahead());
  }
  SECTION("while a team waits for its ranks") {
    std::vector<int> sizes(401, 1);
    sizes.front() = sizes.at(1) = 2;
    const Plan plan = plan_of(2, sizes, 0.01);
    Schedule schedule(plan);
    REQUIRE(schedule.next());
    CHECK_FALSE(schedule.next());
    CHECK_FALSE(schedule.ahead());
  }
  SECTION("the last few") {
    const Plan plan = plan_of(2, std::vector<int>(8, 1), 0.01);
    Schedule schedule(plan);
    REQUIRE(schedule.next());
    REQUIRE(schedule.next());
    CHECK_FALSE(schedule.ahead());
  }
}

TEST_CASE("large matrices and those of teams are never batched", "[schedule]") {
  const Plan large = plan_of(2, {1, 1, 1, 1}, 10.0);
  Schedule schedule(large);
  CHECK(schedule.next()->items.size() == 1);
  const Plan teams = plan_of(2, {2, 2, 2, 2}, 1e-3);
  Schedule team_schedule(teams);
  CHECK(team_schedule.next()->items.size() == 1);
}
