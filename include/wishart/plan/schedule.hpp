#pragma once

/// @file
/// Who works on what, as the job goes: the coordinator's book, without its messages.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "wishart/plan/plan.hpp"

namespace wishart::plan {

/// Matrices handed to a team, to be done one after the other.
struct Assignment {
  std::vector<std::int64_t> items;  ///< indices into Plan::items; at least one
  std::int64_t team = 0;            ///< index into Plan::tree
};

/// Hands out the items of a plan to teams whose ranks are all free.
///
/// The next item is the first in the plan's order for which there is a free team of its size (or,
/// where the tree has none of that size, the smallest larger one). Small matrices of single ranks
/// are handed out several at a time, so that messages do not cost more than the work, and what
/// single ranks do is handed out ahead where the caller asks for it.
/// Deterministic in the order of the calls.
class Schedule {
public:
  explicit Schedule(const Plan& plan);

  /// The next piece of work that can start now, if any. Its ranks are busy from then on.
  [[nodiscard]] std::optional<Assignment> next();
  /// A matrix, or a batch of small ones, for a rank that has one in work, so that it need not wait
  /// for its next. None for ranks that have one lying there, while a larger team waits for its
  /// ranks, and for matrices so large that a rank which is done earlier should get them, or that a
  /// job which is to stop would have to wait for.
  [[nodiscard]] std::optional<Assignment> ahead();
  /// Takes an assignment back as done: its ranks are free.
  void finish(const Assignment& assignment);

  /// Nothing is running.
  [[nodiscard]] bool idle() const noexcept { return running_ == 0; }
  /// Everything has been handed out.
  [[nodiscard]] bool exhausted() const noexcept { return handed_out_ == waiting_.size(); }

private:
  [[nodiscard]] std::optional<std::int64_t> team_with(int assignments, int size) const;
  [[nodiscard]] Assignment hand_out(std::size_t item, std::int64_t team);
  [[nodiscard]] double share_seconds() const noexcept;
  void mark(std::int64_t team, int by);
  void fill_batch(Assignment& assignment, std::size_t first);
  void take(std::size_t item);
  void pass_handed_out();

  const Plan* plan_;
  std::map<int, std::vector<std::int64_t>> teams_of_size_;
  std::vector<int> busy_;  ///< for each team: how many assignments its ranks are busy with
  std::vector<bool> waiting_;
  double waiting_seconds_ = 0;  ///< of all items that wait, on one rank each
  std::size_t first_waiting_ = 0;
  std::size_t handed_out_ = 0;
  std::int64_t running_ = 0;
};

}  // namespace wishart::plan
