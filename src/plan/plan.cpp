#include "wishart/plan/plan.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::plan {
namespace {

/// Below this cost a team is slower than one rank: messages outweigh the work (a 1024 x 1024
/// matrix).
constexpr double kWorthATeam = 2.0e9;

/// Columns of workspace that the eigensolvers ask for beside the matrix itself.
constexpr std::int64_t kSolverColumns = 192;

std::string sizes_text(const std::vector<int>& sizes) {
  std::string text;
  for (const int size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return text;
}

void check_forced_team(const std::vector<int>& sizes, const PlanOptions& options) {
  if (options.team_size == 0) return;
  if (options.team_size > options.ranks) {
    throw Error(Blame::usage, "--team-size " + std::to_string(options.team_size) +
                                  ": this job has " + std::to_string(options.ranks) +
                                  (options.ranks == 1 ? " rank" : " ranks") +
                                  ". Start more ranks or ask for a smaller team");
  }
  if (std::find(sizes.begin(), sizes.end(), options.team_size) == sizes.end()) {
    throw Error(Blame::usage, "--team-size " + std::to_string(options.team_size) + ": " +
                                  std::to_string(options.ranks) + " ranks divide into teams of " +
                                  sizes_text(sizes) + ". Ask for one of these");
  }
}

/// The smallest team that holds `matrix` within the limit.
int smallest_team(const Matrix& matrix, const std::vector<int>& sizes, const PlanOptions& options) {
  for (const int size : sizes) {
    if (options.memory_per_rank_bytes == 0 ||
        memory_bytes(matrix, options.method, size, options.panel_bytes) <=
            options.memory_per_rank_bytes) {
      return size;
    }
  }
  const std::int64_t need = memory_bytes(matrix, options.method, sizes.back(), options.panel_bytes);
  throw Error(Blame::resource, printable(matrix.key) + " (" + std::to_string(matrix.rows) + " x " +
                                   std::to_string(matrix.cols) + "): needs " + human_bytes(need) +
                                   " per rank on all " + std::to_string(options.ranks) +
                                   " ranks, the limit is " +
                                   human_bytes(options.memory_per_rank_bytes) +
                                   ". Use more ranks, or raise --memory-per-rank");
}

}  // namespace

double cost_flops(const Matrix& matrix, Method method) {
  const auto n = static_cast<double>(matrix.long_side());
  const auto m = static_cast<double>(matrix.short_side());
  const auto views = static_cast<double>(matrix.num_views());
  if (method == Method::gram) return views * (n * m * m + 4.0 / 3.0 * m * m * m);
  const double direct = 4 * n * m * m - 4.0 / 3.0 * m * m * m;
  const double qr_first = 2 * n * m * m + 2 * m * m * m;
  return views * std::min(direct, qr_first);
}

std::int64_t memory_bytes(const Matrix& matrix, Method method, int team_size,
                          std::int64_t panel_bytes) {
  // In doubles: sizes of real matrices are far from where this would lose a byte that matters.
  const auto n = static_cast<double>(matrix.long_side());
  const auto m = static_cast<double>(matrix.short_side());
  const auto p = static_cast<double>(team_size);
  const double values = 8 * m;
  const double workspace = 8 * m * static_cast<double>(kSolverColumns) / std::sqrt(p);
  // A panel is one row at least, whatever the limit says; the reader holds its stored bytes beside.
  const double panel = 2 * std::min(std::max(static_cast<double>(panel_bytes), 8 * m), 8 * n * m);
  double matrix_bytes = 0;
  if (method == Method::gram) {
    matrix_bytes = 8 * m * m / p;
  } else {
    // The whole matrix; GESDD's and PDGESVD's workspace holds a square of the short side.
    matrix_bytes = 8 * n * m / p + 8 * m * m / p;
  }
  // Block-cyclic shares are uneven by up to a block a dimension.
  const double unevenness = team_size == 1 ? 1.0 : 1.1;
  return static_cast<std::int64_t>(matrix_bytes * unevenness + workspace + panel + values);
}

Plan make_plan(std::span<const Matrix> matrices, const PlanOptions& options) {
  Plan plan;
  plan.tree = team_tree(options.ranks);
  const std::vector<int> sizes = team_sizes(plan.tree);
  check_forced_team(sizes, options);
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    PlanItem item;
    item.matrix = static_cast<std::int64_t>(i);
    item.cost_flops = cost_flops(matrices[i], options.method);
    plan.total_flops += item.cost_flops;
    plan.items.push_back(item);
  }
  const double even_share = plan.total_flops / options.ranks;
  for (PlanItem& item : plan.items) {
    const Matrix& matrix = matrices[static_cast<std::size_t>(item.matrix)];
    if (options.team_size != 0) {
      item.team_size = options.team_size;
    } else {
      item.team_size = smallest_team(matrix, sizes, options);
      for (const int size : sizes) {
        const bool outlasts = item.cost_flops / item.team_size > even_share;
        if (size > item.team_size && outlasts && item.cost_flops > kWorthATeam) {
          item.team_size = size;
        }
      }
    }
    item.memory_bytes = memory_bytes(matrix, options.method, item.team_size, options.panel_bytes);
  }
  // The order of matrices breaks ties, so that the plan is the same everywhere.
  std::stable_sort(plan.items.begin(), plan.items.end(), [](const PlanItem& a, const PlanItem& b) {
    if (a.team_size != b.team_size) return a.team_size > b.team_size;
    return a.cost_flops > b.cost_flops;
  });
  return plan;
}

}  // namespace wishart::plan
