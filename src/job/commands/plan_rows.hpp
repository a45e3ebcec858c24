#pragma once

/// @file
/// The tables of a plan.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/report/text_table.hpp"

#include "commands/planned_job.hpp"

namespace wishart::job {

/// Calls `visit` for the items of all checkpoints, in the order in which they are assigned.
template <class Visit>
void each_item(const PlannedWorks& works, const PlannedJob& job, const Visit& visit) {
  auto scan = job.scans.begin();
  for (const PlannedWork& work : works.works) {
    if (work.is_archived) continue;
    for (std::size_t i = 0; i < scan->plan.items.size(); ++i) {
      const plan::PlanItem& item = scan->plan.items[i];
      visit(work, work.matrices[static_cast<std::size_t>(item.matrix)], item, scan->seconds[i]);
    }
    ++scan;
  }
}

/// One matrix of the plan.
struct ItemRow {
  std::string matrix;  ///< its key
  std::int64_t N = 0;
  std::int64_t M = 0;
  std::int64_t views = 0;
  std::int64_t team_size = 0;
  std::string method;
  std::string solver;
  std::string precision;
  std::string products;
  bool distributed = false;
  double flop = 0;
  double seconds = 0;
  std::int64_t memory_bytes = 0;  ///< of the rank that needs the most
  std::string checkpoint;
};

template <class F>
void visit_columns(ItemRow& r, F&& f) {
  f("matrix", r.matrix), f("N", r.N), f("M", r.M), f("views", r.views);
  f("team_size", r.team_size), f("method", r.method), f("solver", r.solver);
  f("precision", r.precision), f("products", r.products), f("distributed", r.distributed);
  f("flop", r.flop);
  f("seconds", r.seconds), f("memory_bytes", r.memory_bytes);
  f("checkpoint", r.checkpoint);
}

/// One row for each matrix, in the order in which they are assigned.
[[nodiscard]] std::vector<ItemRow> item_rows(const PlannedWorks& works, const PlannedJob& job);

/// A number of ranks.
struct RanksRow {
  std::int64_t ranks = 0;
  double seconds = 0;
  double efficiency = 0;  ///< of one rank that is alone, divided by the ranks' time
  std::int64_t memory_bytes = 0;
  std::string limit;
  double matrices_seconds = 0;
  double reading_seconds = 0;
  double rank_zero_seconds = 0;
  std::string longest;
  double longest_seconds = 0;
};

template <class F>
void visit_columns(RanksRow& r, F&& f) {
  f("ranks", r.ranks), f("seconds", r.seconds), f("efficiency", r.efficiency);
  f("memory_per_rank_bytes", r.memory_bytes), f("limit", r.limit);
  f("matrices_seconds", r.matrices_seconds), f("reading_seconds", r.reading_seconds);
  f("rank_zero_seconds", r.rank_zero_seconds), f("longest_matrix", r.longest);
  f("longest_matrix_seconds", r.longest_seconds);
}

[[nodiscard]] RanksRow ranks_row(const PlannedJob& job);
/// A row for a number of ranks on which a matrix does not fit.
[[nodiscard]] RanksRow too_small(int ranks);

/// A checkpoint of a history.
struct WorkRow {
  std::string checkpoint;
  std::string path;
  bool is_archived = false;
  std::int64_t matrices = 0;  ///< to be computed
  double seconds = 0;
};

template <class F>
void visit_columns(WorkRow& r, F&& f) {
  f("checkpoint", r.checkpoint), f("path", r.path), f("is_archived", r.is_archived);
  f("matrices", r.matrices), f("seconds", r.seconds);
}

[[nodiscard]] std::vector<WorkRow> work_rows(const PlannedWorks& works, const PlannedJob& job);

/// What all scans of a job need, in sums.
struct Sums {
  std::int64_t matrices = 0;
  std::int64_t integer = 0;  ///< matrices whose products are formed from integers
  double flops = 0;
  double bytes = 0;
};

[[nodiscard]] Sums sums_of(const PlannedWorks& works, const PlannedJob& job);

/// One row for each kind of matrix: a model has hundreds of matrices, but only a dozen kinds.
[[nodiscard]] report::TextTable kinds_table(const PlannedWorks& works, const PlannedJob& job);
[[nodiscard]] report::TextTable ranks_table(const std::vector<RanksRow>& rows);
/// Of a history.
[[nodiscard]] report::TextTable works_table(const PlannedWorks& works, const PlannedJob& job);

}  // namespace wishart::job
