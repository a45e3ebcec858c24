#pragma once

/// @file
/// The plan: in which order, with which method and on how many ranks each matrix is done. Pure: no
/// I/O, no MPI, no clock.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/plan/team_tree.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::plan {

struct PlanOptions {
  int ranks = 1;
  std::int64_t memory_per_rank_bytes = 0;  ///< 0: no limit
  Method method = Method::gram;
  int team_size = 0;  ///< ranks for every matrix; 0: chosen for each
  std::int64_t panel_bytes = std::int64_t{16} << 20U;  ///< rows read at once, as float64
};

/// What is done with one matrix.
struct PlanItem {
  std::int64_t matrix = 0;        ///< index of the matrix
  double cost_flops = 0;          ///< floating-point operations, over all its views
  int team_size = 1;              ///< ranks; a size that occurs in the tree
  std::int64_t memory_bytes = 0;  ///< on each rank of the team
};

struct Plan {
  std::vector<Team> tree;
  std::vector<PlanItem> items;  ///< in the order of handing out: large teams first, then by cost
  double total_flops = 0;
};

/// Plans `matrices` for the ranks and the memory given.
///
/// Each matrix gets the smallest team whose ranks can hold it, and a larger one while it would
/// otherwise outlast the rest of the job (its share of one rank exceeds an even share of the work).
/// @throws Error with Blame::resource that names the matrix, its need and the limit, if not even
/// all
///   ranks together can hold it; Blame::usage if `team_size` does not occur among the teams
[[nodiscard]] Plan make_plan(std::span<const Matrix> matrices, const PlanOptions& options);

/// Operations for the singular values of all views of `matrix` (LAPACK Working Note 41 for the
/// factorisations): gram N M^2 + 4/3 M^3; svd 4 N M^2 - 4/3 M^3, or 2 N M^2 + 2 M^3 by QR first.
[[nodiscard]] double cost_flops(const Matrix& matrix, Method method);

/// Bytes that each rank of a team of `team_size` needs for `matrix`.
[[nodiscard]] std::int64_t memory_bytes(const Matrix& matrix, Method method, int team_size,
                                        std::int64_t panel_bytes);

}  // namespace wishart::plan
