/// @file
/// The coordinator's book: every item once, no rank twice at a time.

#include <deque>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/plan/schedule.hpp"

using namespace wishart::plan;

namespace {

Plan plan_of(int ranks, const std::vector<int>& team_sizes) {
  Plan plan;
  plan.tree = team_tree(ranks);
  for (std::size_t i = 0; i < team_sizes.size(); ++i) {
    plan.items.push_back({static_cast<std::int64_t>(i), 1.0, team_sizes[i], 0});
  }
  return plan;
}

}  // namespace

TEST_CASE("large teams go first, and free ranks take smaller work beside them", "[schedule]") {
  const Plan plan = plan_of(6, {4, 2, 2, 1});
  Schedule schedule(plan);
  const auto first = schedule.next();
  REQUIRE(first);
  CHECK(first->item == 0);
  CHECK(plan.tree[static_cast<std::size_t>(first->team)].first == 0);
  const auto second = schedule.next();
  REQUIRE(second);
  CHECK(second->item == 1);
  CHECK(plan.tree[static_cast<std::size_t>(second->team)].first == 4);
  CHECK_FALSE(schedule.next());
  schedule.finish(*second);
  const auto third = schedule.next();
  REQUIRE(third);
  CHECK(third->item == 2);
}

TEST_CASE("more ranks than matrices leave ranks without work", "[schedule]") {
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
        CHECK(team.size == wanted[static_cast<std::size_t>(work->item)]);
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
      ++done[static_cast<std::size_t>(finished.item)];
      schedule.finish(finished);
    }
    CHECK(done == std::vector<int>(wanted.size(), 1));
  }
}
