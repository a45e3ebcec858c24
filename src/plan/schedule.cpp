#include "wishart/plan/schedule.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"

namespace wishart::plan {

Schedule::Schedule(const Plan& plan)
    : plan_(&plan),
      rank_busy_(static_cast<std::size_t>(plan.tree.front().size), false),
      waiting_(plan.items.size(), true) {}

std::optional<std::int64_t> Schedule::free_team(int size) const {
  std::optional<std::int64_t> best;
  for (std::size_t i = 0; i < plan_->tree.size(); ++i) {
    const Team& team = plan_->tree[i];
    if (team.size < size) continue;
    if (best && plan_->tree[static_cast<std::size_t>(*best)].size <= team.size) continue;
    const auto begin = rank_busy_.begin() + team.first;
    if (std::find(begin, begin + team.size, true) == begin + team.size) {
      best = static_cast<std::int64_t>(i);
    }
  }
  // A larger team stands in only where the tree has none of that size: else the item waits.
  if (best && plan_->tree[static_cast<std::size_t>(*best)].size != size) {
    const bool exists = std::any_of(plan_->tree.begin(), plan_->tree.end(),
                                    [&](const Team& team) { return team.size == size; });
    if (exists) return std::nullopt;
  }
  return best;
}

std::optional<Assignment> Schedule::next() {
  while (first_waiting_ < waiting_.size() && !waiting_[first_waiting_]) ++first_waiting_;
  int refused = 0;  // sizes descend along the plan: one look for each size
  for (std::size_t i = first_waiting_; i < waiting_.size(); ++i) {
    const int size = plan_->items[i].team_size;
    if (!waiting_[i] || size == refused) continue;
    const auto team = free_team(size);
    if (!team) {
      refused = size;
      continue;
    }
    waiting_[i] = false;
    ++handed_out_;
    ++running_;
    const Team& ranks = plan_->tree[static_cast<std::size_t>(*team)];
    std::fill_n(rank_busy_.begin() + ranks.first, ranks.size, true);
    return Assignment{static_cast<std::int64_t>(i), *team};
  }
  return std::nullopt;
}

void Schedule::finish(const Assignment& assignment) {
  const Team& ranks = plan_->tree[static_cast<std::size_t>(assignment.team)];
  require(rank_busy_[static_cast<std::size_t>(ranks.first)], "a free team reported a result");
  std::fill_n(rank_busy_.begin() + ranks.first, ranks.size, false);
  --running_;
}

}  // namespace wishart::plan
