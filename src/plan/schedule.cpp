#include "wishart/plan/schedule.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"

namespace wishart::plan {
namespace {

/// The approximate duration of a batch, by the default rates. A message there and back and the
/// coordinator's polling interval take a few milliseconds together, which is then below one per
/// cent.
constexpr double kBatchSeconds = 0.25;
/// The longest work assigned ahead. It is short, because it is done even if the job has to stop.
/// Without it a rank would wait for the coordinator's next poll, at most 5 ms.
constexpr double kAheadSeconds = 1;
/// A batch is at most this fraction of the waiting work per rank, so that the ranks finish
/// together.
constexpr double kBatchShare = 0.125;

}  // namespace

Schedule::Schedule(const Plan& plan)
    : plan_(&plan), busy_(plan.tree.size(), 0), waiting_(plan.items.size(), true) {
  for (std::size_t i = 0; i < plan.tree.size(); ++i) {
    teams_of_size_[plan.tree[i].size].push_back(static_cast<std::int64_t>(i));
  }
  for (const PlanItem& item : plan.items) waiting_seconds_ += item.seconds;
}

/// The first team of this size, or of the next larger one, whose ranks have this many assignments.
std::optional<std::int64_t> Schedule::team_with(int assignments, int size) const {
  // A larger team is used only if the tree has no team of this size. Otherwise the item waits.
  const auto sized = teams_of_size_.lower_bound(size);
  if (sized == teams_of_size_.end()) return std::nullopt;
  for (const std::int64_t team : sized->second) {
    if (busy_[static_cast<std::size_t>(team)] == assignments) return team;
  }
  return std::nullopt;
}

/// Adds (+1) or removes (-1) an assignment for every team that shares ranks with `team`.
void Schedule::mark(std::int64_t team, int by) {
  const Team& mine = plan_->tree[static_cast<std::size_t>(team)];
  for (std::int64_t up = mine.parent; up >= 0;
       up = plan_->tree[static_cast<std::size_t>(up)].parent) {
    busy_[static_cast<std::size_t>(up)] += by;
  }
  busy_[static_cast<std::size_t>(team)] += by;
  if (mine.size == 1) return;
  for (std::size_t i = static_cast<std::size_t>(team) + 1; i < plan_->tree.size(); ++i) {
    const Team& other = plan_->tree[i];
    const bool inside =
        other.first >= mine.first && other.first + other.size <= mine.first + mine.size;
    if (inside) busy_[i] += by;
  }
}

void Schedule::take(std::size_t item) {
  waiting_[item] = false;
  ++handed_out_;
  waiting_seconds_ -= plan_->items[item].seconds;
}

/// The most that a rank may be given at a time if all ranks are to finish together.
double Schedule::share_seconds() const noexcept {
  return kBatchShare * waiting_seconds_ / plan_->tree.front().size;
}

void Schedule::fill_batch(Assignment& assignment, std::size_t first) {
  const double limit = std::min(kBatchSeconds, share_seconds());
  double seconds = plan_->items[first].seconds;
  for (std::size_t i = first + 1; i < waiting_.size() && seconds < limit; ++i) {
    if (!waiting_[i]) continue;
    if (plan_->items[i].way.team_size != 1) continue;
    seconds += plan_->items[i].seconds;
    if (seconds > limit) break;
    take(i);
    assignment.items.push_back(static_cast<std::int64_t>(i));
  }
}

void Schedule::pass_handed_out() {
  while (first_waiting_ < waiting_.size() && !waiting_[first_waiting_]) ++first_waiting_;
}

std::optional<Assignment> Schedule::next() {
  pass_handed_out();
  int refused = 0;  // sizes descend along the plan, so one check per size is enough
  for (std::size_t i = first_waiting_; i < waiting_.size(); ++i) {
    const int size = plan_->items[i].way.team_size;
    if (!waiting_[i] || size == refused) continue;
    const auto team = team_with(0, size);
    if (!team) {
      refused = size;
      if (size == 1) break;
      continue;
    }
    return hand_out(i, *team);
  }
  return std::nullopt;
}

std::optional<Assignment> Schedule::ahead() {
  pass_handed_out();
  if (first_waiting_ == waiting_.size()) return std::nullopt;
  const PlanItem& item = plan_->items[first_waiting_];
  if (item.way.team_size != 1 || item.seconds > std::min(kAheadSeconds, share_seconds()))
    return std::nullopt;
  const auto rank = team_with(1, 1);
  if (!rank) return std::nullopt;
  return hand_out(first_waiting_, *rank);
}

Assignment Schedule::hand_out(std::size_t item, std::int64_t team) {
  take(item);
  ++running_;
  mark(team, 1);
  Assignment assignment{{static_cast<std::int64_t>(item)}, team};
  if (plan_->items[item].way.team_size == 1) fill_batch(assignment, item);
  return assignment;
}

void Schedule::finish(const Assignment& assignment) {
  require(running_ > 0 && busy_[static_cast<std::size_t>(assignment.team)] > 0,
          "a free team reported a result");
  mark(assignment.team, -1);
  --running_;
}

}  // namespace wishart::plan
