#pragma once

/// @file
/// Who works on what, as the job goes: the coordinator's book, without its messages.

#include <cstdint>
#include <optional>
#include <vector>

#include "wishart/plan/plan.hpp"

namespace wishart::plan {

/// A matrix handed to a team.
struct Assignment {
  std::int64_t item = 0;  ///< index into Plan::items
  std::int64_t team = 0;  ///< index into Plan::tree
};

/// Hands out the items of a plan to teams whose ranks are all free.
///
/// The next item is the first in the plan's order for which there is a free team of its size (or,
/// where the tree has none of that size, the smallest larger one). Deterministic in the order of
/// the calls.
class Schedule {
public:
  explicit Schedule(const Plan& plan);

  /// The next piece of work that can start now, if any. Its ranks are busy from then on.
  [[nodiscard]] std::optional<Assignment> next();
  /// Takes an assignment back as done: its ranks are free.
  void finish(const Assignment& assignment);

  /// Nothing is running.
  [[nodiscard]] bool idle() const noexcept { return running_ == 0; }
  /// Everything has been handed out.
  [[nodiscard]] bool exhausted() const noexcept { return handed_out_ == waiting_.size(); }

private:
  [[nodiscard]] std::optional<std::int64_t> free_team(int size) const;

  const Plan* plan_;
  std::vector<bool> rank_busy_;
  std::vector<bool> waiting_;
  std::size_t first_waiting_ = 0;
  std::size_t handed_out_ = 0;
  std::int64_t running_ = 0;
};

}  // namespace wishart::plan
