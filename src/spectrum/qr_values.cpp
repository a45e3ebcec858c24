/// @file
/// Singular values by Householder QR: panel by panel on each rank, then as a tree over the team,
/// then the singular values of R. Small values are accurate to eps * sigma_max, whatever the
/// condition number, because nothing is squared.

#include <algorithm>
#include <string>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"

#include "exchange.hpp"
#include "lapack.hpp"
#include "panels.hpp"
#include "singular_values.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// Columns that DTPQRT eliminates at once, which is the depth of its products.
constexpr std::int64_t kBlock = 64;

/// `out` (depth x width, column-major) = `rows` (depth x width, row-major), in tiles that fit into
/// the first-level cache.
void transpose(std::span<const double> rows, std::int64_t depth, std::int64_t width, double* out) {
  constexpr std::int64_t kTile = 32;
  for (std::int64_t r0 = 0; r0 < depth; r0 += kTile) {
    const std::int64_t r1 = std::min(depth, r0 + kTile);
    for (std::int64_t c0 = 0; c0 < width; c0 += kTile) {
      const std::int64_t c1 = std::min(width, c0 + kTile);
      for (std::int64_t c = c0; c < c1; ++c) {
        for (std::int64_t r = r0; r < r1; ++r) {
          out[r + c * depth] = rows[static_cast<std::size_t>(r * width + c)];
        }
      }
    }
  }
}

/// The triangular factor of all rows seen so far.
class TriangularFactor {
public:
  TriangularFactor(std::int64_t order, Workspace& workspace)
      : order_(narrow<int>(order, "order of a triangular factor")),
        block_(static_cast<int>(std::min(order, kBlock))),
        r_(workspace.take<double>(order * order)),
        t_(workspace.take<double>(order * block_)),
        work_(workspace.take<double>(order * block_)) {
    std::fill(r_.begin(), r_.end(), 0.0);
  }

  /// Adds rows, column-major: R becomes the R of [R; rows]. With `triangular`, they form an upper
  /// triangle. Destroys `rows`.
  void add(double* rows, std::int64_t count, bool triangular) {
    const int m = narrow<int>(count, "rows of a panel");
    const int l = triangular ? order_ : 0;
    int info = 0;
    dtpqrt_(&m, &order_, &l, &block_, r_.data(), &order_, rows, &m, t_.data(), &block_,
            work_.data(), &info);
    check_info(info, "dtpqrt");
  }

  [[nodiscard]] std::span<double> values() const { return r_; }

private:
  int order_;
  int block_;
  std::span<double> r_;
  std::span<double> t_;
  std::span<double> work_;
};

void factor_slice(const ViewTask& task, Slice slice, const SolveOptions& options, Tally& tally,
                  Workspace& workspace, TriangularFactor& factor) {
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  PanelStream<double> stream(task, slice, options.panel_bytes, tally, workspace);
  std::span<double> rows;
  while (const auto panel = stream.next()) {
    if (rows.empty()) rows = workspace.take<double>(panel->depth * m);
    if (tall) {
      transpose(panel->values, panel->depth, m, rows.data());
    } else {
      // The panel of a wide view already is column-major depth x m.
      std::copy(panel->values.begin(), panel->values.end(), rows.begin());
    }
    factor.add(rows.data(), panel->depth, false);
  }
}

/// Combines the factors of a team on its rank 0, as a binary tree. Collective over `team`.
void combine(const mpi::Comm& team, std::int64_t order, TriangularFactor& factor,
             Workspace& workspace) {
  std::span<double> other;
  for (int step = 1; step < team.size(); step *= 2) {
    const bool sends = team.rank() % (2 * step) == step;
    const bool receives = team.rank() % (2 * step) == 0 && team.rank() + step < team.size();
    mpi::together(team, [&] {
      if (receives && other.empty()) other = workspace.take<double>(order * order);
    });
    if (sends) send_triangle(team, factor.values(), order, team.rank() - step);
    if (receives) receive_triangle(team, other, order, team.rank() + step);
    mpi::together(team, [&] {
      if (receives) factor.add(other.data(), order, true);
    });
  }
}

}  // namespace

ViewValues qr_values(const ViewTask& task, Team& team, const SolveOptions& options, Tally& tally,
                     Workspace& workspace) {
  const mpi::Comm& comm = team.comm();
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t n = std::max(task.rows(), task.cols());
  std::optional<TriangularFactor> factor;
  mpi::together(comm, [&] {
    check_index(m * m, options, "a triangular factor");
    factor.emplace(m, workspace);
    factor_slice(task, slice_of(n, comm.rank(), comm.size()), options, tally, workspace, *factor);
  });
  if (any_nonfinite(comm, tally, Precision::float64)) return {};
  combine(comm, m, *factor, workspace);
  ViewValues values;
  values.solver = std::string("qr+") + singular_values_routine(m);
  values.sigma.resize(static_cast<std::size_t>(m));
  mpi::together_asleep(comm, [&] {
    if (comm.rank() != 0) return;
    singular_values(factor->values(), m, m, best_instruction_set(), workspace, values.sigma);
  });
  mpi::broadcast(comm, values.sigma, 0);
  return values;
}

}  // namespace wishart::spectrum
