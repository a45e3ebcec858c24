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
    : plan_(&plan),
      first_child_(plan.tree.size(), -1),
      busy_(plan.tree.size(), 0),
      waiting_(plan.items.size(), true) {
  for (std::size_t i = 0; i < plan.tree.size(); ++i) {
    const Team& team = plan.tree[i];
    const auto index = static_cast<std::int64_t>(i);
    free_[team.size].push(index);
    if (team.parent < 0) continue;
    std::int64_t& first = first_child_[static_cast<std::size_t>(team.parent)];
    if (first < 0) first = index;
  }
  for (std::size_t i = 0; i < plan.items.size(); ++i) {
    waiting_seconds_ += plan.items[i].seconds;
    const int size = plan.items[i].way.team_size;
    if (runs_.empty() || runs_.back().size != size) runs_.push_back({size, i, i});
    runs_.back().end = i + 1;
  }
}

/// The first team of the queue that has this many assignments. Teams that no longer have are taken
/// out; they come back when they do (`change`).
std::optional<std::int64_t> Schedule::first_of(Queue& queue, int assignments) {
  while (!queue.empty()) {
    const std::int64_t team = queue.top();
    if (busy_[static_cast<std::size_t>(team)] == assignments) return team;
    queue.pop();
  }
  return std::nullopt;
}

void Schedule::change(std::int64_t team, int by) {
  int& busy = busy_[static_cast<std::size_t>(team)];
  busy += by;
  const int size = plan_->tree[static_cast<std::size_t>(team)].size;
  if (busy == 0) free_[size].push(team);
  if (busy == 1 && size == 1) single_.push(team);
}

/// Adds (+1) or removes (-1) an assignment for every team that shares ranks with `team`.
void Schedule::mark(std::int64_t team, int by) {
  for (std::int64_t up = plan_->tree[static_cast<std::size_t>(team)].parent; up >= 0;
       up = plan_->tree[static_cast<std::size_t>(up)].parent) {
    change(up, by);
  }
  std::vector<std::int64_t> inside{team};
  while (!inside.empty()) {
    const std::int64_t one = inside.back();
    inside.pop_back();
    change(one, by);
    const std::int64_t child = first_child_[static_cast<std::size_t>(one)];
    if (child >= 0) inside.insert(inside.end(), {child, child + 1});
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

/// True if the run has an item that waits; `next` is then the first of them.
bool Schedule::some_wait(Run& run) const noexcept {
  while (run.next < run.end && !waiting_[run.next]) ++run.next;
  return run.next < run.end;
}

std::optional<Assignment> Schedule::next() {
  for (Run& run : runs_) {
    if (!some_wait(run)) continue;
    // A larger team is used only if the tree has no team of this size. Otherwise the item waits.
    const auto sized = free_.lower_bound(run.size);
    const auto team = sized == free_.end() ? std::nullopt : first_of(sized->second, 0);
    if (team) return hand_out(run.next, *team);
  }
  return std::nullopt;
}

std::optional<Assignment> Schedule::ahead() {
  const auto run =
      std::find_if(runs_.begin(), runs_.end(), [&](Run& one) { return some_wait(one); });
  if (run == runs_.end()) return std::nullopt;
  if (run->size != 1) return std::nullopt;
  const PlanItem& item = plan_->items[run->next];
  if (item.seconds > std::min(kAheadSeconds, share_seconds())) return std::nullopt;
  const auto rank = first_of(single_, 1);
  if (!rank) return std::nullopt;
  return hand_out(run->next, *rank);
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
