#pragma once

/// @file
/// Which ranks work on what during the job: the coordinator's bookkeeping, without its messages.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <vector>

#include "wishart/plan/plan.hpp"

namespace wishart::plan {

/// Matrices assigned to a team, to be solved one after the other.
struct Assignment {
  std::vector<std::int64_t> items;  ///< indices into Plan::items; at least one
  std::int64_t team = 0;            ///< index into Plan::tree
};

/// Assigns the items of a plan to teams whose ranks are all free.
///
/// The next item is the first one in the plan's order that has a free team of its size (or of the
/// next larger size, if the tree has no team of that size). Small matrices for single ranks are
/// assigned in batches, so that messages do not cost more than the work. If the caller asks for it,
/// work for single ranks is also assigned ahead. The result depends only on the order of the calls.
class Schedule {
public:
  explicit Schedule(const Plan& plan);

  /// The next piece of work that can start now, if any. Marks its ranks as busy.
  [[nodiscard]] std::optional<Assignment> next();
  /// A second assignment for a busy rank, so that it need not wait for its next one: a matrix, or a
  /// batch of small ones. Not for a rank that already has one queued, and not while a larger team
  /// waits for ranks. Large matrices are not assigned ahead either: another rank may be free
  /// earlier, and a job that has to stop would wait for them.
  [[nodiscard]] std::optional<Assignment> ahead();
  /// Marks an assignment as done and its ranks as free.
  void finish(const Assignment& assignment);

  /// True if nothing is running.
  [[nodiscard]] bool idle() const noexcept { return running_ == 0; }
  /// True if everything has been assigned.
  [[nodiscard]] bool exhausted() const noexcept { return handed_out_ == waiting_.size(); }

private:
  /// Teams in the order of the tree; a team is in it at least as long as it belongs there.
  using Queue = std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>>;

  /// Items of the plan that want teams of one size. They are neighbours: sizes descend.
  struct Run {
    int size = 1;
    std::size_t next = 0;  ///< everything before it was handed out
    std::size_t end = 0;
  };

  [[nodiscard]] std::optional<std::int64_t> first_of(Queue& queue, int assignments);
  void change(std::int64_t team, int by);
  [[nodiscard]] Assignment hand_out(std::size_t item, std::int64_t team);
  [[nodiscard]] double share_seconds() const noexcept;
  void mark(std::int64_t team, int by);
  void fill_batch(Assignment& assignment, std::size_t first);
  void take(std::size_t item);
  [[nodiscard]] bool some_wait(Run& run) const noexcept;

  const Plan* plan_;
  std::map<int, Queue> free_;  ///< for each size: the teams whose ranks are all free, among others
  Queue single_;               ///< the single ranks with one assignment, among others
  std::vector<std::int64_t> first_child_;  ///< of each team; its sibling follows it
  std::vector<int> busy_;  ///< for each team: number of assignments its ranks are working on
  std::vector<bool> waiting_;
  double waiting_seconds_ = 0;  ///< of all waiting items, each on one rank
  std::vector<Run> runs_;
  std::size_t handed_out_ = 0;
  std::int64_t running_ = 0;
};

}  // namespace wishart::plan
