#pragma once

/// @file
/// The plan: in which order, how, and on how many ranks each matrix is solved. Pure: no I/O, no
/// MPI, no clock; the same matrices and options give the same plan everywhere.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/plan/cost.hpp"
#include "wishart/plan/team_tree.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::plan {

struct PlanOptions {
  int ranks = 1;
  std::int64_t memory_per_rank_bytes = 0;  ///< 0: no limit
  Method method = Method::gram;
  bool checked = false;  ///< see Way::checked
  bool or_svd = false;   ///< with `checked`: Method::svd for a matrix where that is the faster way
  Precision precision = Precision::float64;
  Products products = Products::automatic;
  std::int64_t paying_bytes = 0;      ///< on all ranks (spectrum::paying_bytes), for `automatic`
  Solver solver = Solver::automatic;  ///< for teams; automatic: the faster one for each matrix
  bool have_elpa = false;
  int team_size = 0;  ///< ranks for every matrix; 0: chosen for each
  std::int64_t panel_bytes = kDefaultPanelBytes;
  std::int64_t randomize = 0;  ///< random orders of each matrix
  double farms = 0;            ///< aspect ratio of windows; 0: none
  bool compare = false;        ///< each matrix that has a base with it
  std::int64_t bootstrap = 0;  ///< see Way::bootstrap
  std::int64_t gof = 0;        ///< see Way::gof
};

/// The plan for one matrix.
struct PlanItem {
  std::int64_t matrix = 0;        ///< index of the matrix
  double cost_flops = 0;          ///< floating-point operations, over all its views
  double seconds = 0;             ///< wall time of its team, by the default rates
  Way way;                        ///< its team_size is a size of the tree
  std::int64_t memory_bytes = 0;  ///< on the rank of the team that needs most
};

struct Plan {
  std::vector<Team> tree;
  std::vector<PlanItem> items;  ///< in scheduling order: large teams first, then by time
  double total_flops = 0;
};

/// Plans `matrices` for the given ranks and memory.
///
/// First, each matrix gets the smallest team whose ranks can hold it. Then teams are enlarged if
/// that finishes the job earlier: several time limits are tried. For each limit, a matrix that
/// takes longer gets the smallest team that stays below it, and the limit with the shortest
/// schedule wins. Decisions use the default rates, so they do not depend on measurements.
/// @throws Error with Blame::resource that names the matrix, its need and the limit, if it does not
///   fit even on all ranks together; Blame::usage if `team_size` does not occur among the teams
[[nodiscard]] Plan make_plan(std::span<const Matrix> matrices, const PlanOptions& options);

/// The outcome of a plan.
struct Forecast {
  double makespan_seconds = 0;    ///< from the start of the first matrix to the end of the last
  double busy_seconds = 0;        ///< summed over all ranks
  double idle_share = 0;          ///< share of ranks x makespan
  std::int64_t memory_bytes = 0;  ///< of the rank that needs most
};

/// Simulates the plan with the schedule that the coordinator uses. `item_seconds` are the times of
/// the items, in the plan's order.
[[nodiscard]] Forecast forecast(const Plan& plan, std::span<const double> item_seconds);

/// Seconds of the items of `plan` with these rates.
[[nodiscard]] std::vector<double> item_seconds(const Plan& plan, std::span<const Matrix> matrices,
                                               const Rates& rates);

template <class F>
void visit_fields(Way& v, F&& f) {
  f(v.method), f(v.checked), f(v.precision), f(v.products), f(v.solver), f(v.distributed);
  f(v.team_size), f(v.panel_bytes), f(v.randomize), f(v.held), f(v.compare), f(v.farms);
  f(v.bootstrap), f(v.gof);
}

}  // namespace wishart::plan
