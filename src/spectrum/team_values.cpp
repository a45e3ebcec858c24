/// @file
/// Singular values of one view on a team, with ScaLAPACK on a block-cyclic grid.
///
/// The data are stored transposed: B is the column-major matrix whose columns are the rows of the
/// view, so that a row read from the file is contiguous in memory. The rows of B (columns of the
/// view) are distributed over the rows of the grid, the columns of B (rows of the view) over its
/// columns.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"
#include "wishart/spectrum/block_cyclic.hpp"

#include "distributed.hpp"
#include "eigenvalues.hpp"
#include "exchange.hpp"
#include "gram.hpp"
#include "lapack.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// A part of the view, [row_begin, row_begin + rows.extent) x [col_begin, ...), and its
/// distribution over the grid.
struct Share {
  BlockCyclic rows;  ///< over the grid's columns
  BlockCyclic cols;  ///< over the grid's rows
  std::int64_t row_begin = 0;
  std::int64_t col_begin = 0;
};

/// Up to this many ranks, one rank alone computes the eigenvalues faster than ScaLAPACK or ELPA on
/// all of them (docs/performance.md).
constexpr int kAloneFasterUpTo = 3;

/// The most that one read covers, whatever the block size. Bounds the read buffer.
constexpr std::int64_t kReadBytes = std::int64_t{4} << 20U;

/// Fills this rank's part of B (column-major, at least 1 long) and tallies its elements.
void read_share(const ViewTask& task, const ProcessGrid& grid, const Share& share,
                std::vector<double>& local, Tally& tally) {
  const std::int64_t height = share.cols.local_extent(grid.row());
  const std::int64_t width = share.rows.local_extent(grid.col());
  if (height == 0 || width == 0) return;
  const std::int64_t row_length = share.cols.extent;
  const std::int64_t at_once =
      std::clamp<std::int64_t>(kReadBytes / (8 * row_length), 1, share.rows.block);
  std::vector<double> buffer(static_cast<std::size_t>(at_once * row_length));
  for (std::int64_t first = 0; first < width;) {
    // Consecutive local columns inside one block are consecutive rows of the view.
    const std::int64_t in_block = share.rows.block - first % share.rows.block;
    const std::int64_t count = std::min({in_block, at_once, width - first});
    const std::int64_t row = share.row_begin + share.rows.global_index(grid.col(), first);
    const std::span<double> rows(buffer.data(), static_cast<std::size_t>(count * row_length));
    task.source->read(task.view, row, row + count, share.col_begin, share.col_begin + row_length,
                      rows);
    for (std::int64_t r = 0; r < count; ++r) {
      double* column = local.data() + (first + r) * height;
      for (std::int64_t h = 0; h < height; h += share.cols.block) {
        const std::int64_t run = std::min(share.cols.block, height - h);
        const std::int64_t col = share.cols.global_index(grid.row(), h);
        std::copy_n(rows.data() + r * row_length + col, run, column + h);
        tally.add(task.position(row + r, share.col_begin + col),
                  std::span<double>(column + h, static_cast<std::size_t>(run)));
      }
    }
    first += count;
  }
}

/// The solver that `options` select for this team (docs/numerics.md, "Which solver").
Solver solver_for(Team& team, std::int64_t order, const SolveOptions& options) {
  const bool alone = !options.distributed && team.comm().size() <= kAloneFasterUpTo;
  Solver solver = options.solver;
  if (solver == Solver::automatic) solver = alone ? Solver::local : Solver::elpa;
  if (solver == Solver::local && options.distributed) solver = Solver::elpa;
  // ELPA needs a block on every row and column of its grid.
  const ProcessGrid& grid = team.grid();
  const bool fits_elpa = order >= options.block * std::max(grid.rows(), grid.cols());
  if (solver == Solver::elpa && !(have_elpa() && fits_elpa)) solver = Solver::scalapack;
  return solver;
}

/// Eigenvalues of a distributed matrix, on rank 0 at least.
const char* dealt_out_eigenvalues(Team& team, Solver solver, DistributedMatrix& matrix,
                                  Workspace& workspace, std::span<double> eigenvalues) {
  if (solver == Solver::elpa) {
    eigenvalues_by_elpa(team, matrix, eigenvalues);
    return "elpa-2stage";
  }
  eigenvalues_by_scalapack(team, matrix, workspace, eigenvalues);
  return "pdsyntrd";
}

/// Gram matrices of the ranks' own rows, summed to where the solver needs them.
ViewValues replicated_gram_values(const ViewTask& task, Team& team, const SolveOptions& options,
                                  Tally& tally, Workspace& workspace, Solver solver) {
  const mpi::Comm& comm = team.comm();
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t n = std::max(task.rows(), task.cols());
  std::span<double> gram;
  ViewValues values;
  mpi::together(comm, [&] {
    gram = workspace.take<double>(m * m);
    const auto products =
        gram_of_slice(task, slice_of(n, comm.rank(), comm.size()), options, tally, workspace, gram);
    values.needs_float64 = !products;
    if (products) values.products = *products;
  });
  values.needs_float64 = comm.maximum(std::int64_t{values.needs_float64}) > 0;
  if (values.needs_float64 || any_nonfinite(comm, tally, options.precision)) return values;
  values.sigma.resize(static_cast<std::size_t>(m));
  if (solver == Solver::local) {
    sum_triangle_on_first(comm, gram, m, workspace);
    mpi::together_asleep(comm, [&] {
      values.solver = "two-stage";
      if (comm.rank() != 0) return;
      values.solver =
          symmetric_eigenvalues(gram, m, best_instruction_set(), workspace, values.sigma);
    });
    mpi::broadcast(comm, values.sigma, 0);
  } else {
    DistributedMatrix matrix = make_distributed(team, m, options, workspace);
    const Triangle triangle = solver == Solver::elpa ? Triangle::both : Triangle::lower;
    if (triangle == Triangle::both) mirror_lower(gram, m);
    sum_and_deal_out(comm, team.grid(), gram, m, matrix.block, triangle, workspace, matrix.share);
    values.solver = dealt_out_eigenvalues(team, solver, matrix, workspace, values.sigma);
  }
  return values;
}

}  // namespace

void distributed_gram(const ViewTask& task, Team& team, const SolveOptions& options, Tally& tally,
                      DistributedMatrix& gram) {
  const ProcessGrid& grid = team.grid();
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t n = std::max(task.rows(), task.cols());
  const std::int64_t block = gram.block;
  // The depth of a panel: what the buffers of all ranks hold together, rounded to whole rounds of
  // blocks.
  const std::int64_t round = block * std::max(grid.rows(), grid.cols());
  const std::int64_t wanted = options.panel_bytes * team.comm().size() / (8 * m);
  const std::int64_t depth = std::max(round, wanted / round * round);
  std::vector<double> local;
  const double one = 1.0;
  const int first = 1;
  const int order = narrow<int>(m, "order of a Gram matrix");
  for (std::int64_t begin = 0; begin < n; begin += depth) {
    const std::int64_t count = std::min(depth, n - begin);
    const int k = narrow<int>(count, "depth of a panel");
    Share share;
    share.rows = {tall ? count : m, block, grid.cols()};
    share.cols = {tall ? m : count, block, grid.rows()};
    (tall ? share.row_begin : share.col_begin) = begin;
    mpi::together(team.comm(), [&] {
      const std::int64_t held =
          share.cols.local_extent(grid.row()) * share.rows.local_extent(grid.col());
      local.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, held)));
      read_share(task, grid, share, local, tally);
    });
    const Descriptor desc = descriptor(grid, share.cols, share.rows);
    const double beta = begin == 0 ? 0.0 : 1.0;
    pdsyrk_("L", tall ? "N" : "T", &order, &k, &one, local.data(), &first, &first, desc.data(),
            &beta, gram.share.data(), &first, &first, gram.desc.data(), 1, 1);
  }
}

ViewValues team_gram_values(const ViewTask& task, Team& team, const SolveOptions& options,
                            Tally& tally, Workspace& workspace) {
  const Solver solver = solver_for(team, std::min(task.rows(), task.cols()), options);
  ViewValues values;
  if (!options.distributed) {
    values = replicated_gram_values(task, team, options, tally, workspace, solver);
  } else {
    const std::int64_t m = std::min(task.rows(), task.cols());
    DistributedMatrix gram = make_distributed(team, m, options, workspace);
    distributed_gram(task, team, options, tally, gram);
    if (any_nonfinite(team.comm(), tally, options.precision)) return {};
    if (solver == Solver::elpa) mirror_lower(team, gram, workspace);
    values.sigma.resize(static_cast<std::size_t>(m));
    values.solver = dealt_out_eigenvalues(team, solver, gram, workspace, values.sigma);
  }
  eigenvalues_to_sigma(values.sigma);
  return values;
}

ViewValues team_svd_values(const ViewTask& task, Team& team, const SolveOptions& options,
                           Tally& tally) {
  const ProcessGrid& grid = team.grid();
  const std::int64_t block = block_for(std::min(task.rows(), task.cols()), grid, options.block);
  const Share share{{task.rows(), block, grid.cols()}, {task.cols(), block, grid.rows()}};
  const Descriptor desc = descriptor(grid, share.cols, share.rows);
  std::vector<double> local;
  mpi::together(team.comm(), [&] {
    const std::int64_t held =
        share.cols.local_extent(grid.row()) * share.rows.local_extent(grid.col());
    check_index(held, options, "a rank's share");
    local.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, held)));
    read_share(task, grid, share, local, tally);
  });
  if (any_nonfinite(team.comm(), tally, Precision::float64)) return {};

  const int m = narrow<int>(task.cols(), "columns of a matrix");
  const int n = narrow<int>(task.rows(), "rows of a matrix");
  ViewValues values;
  values.solver = "pdgesvd";
  values.sigma.resize(static_cast<std::size_t>(std::min(m, n)));
  const int one = 1;
  const int query = -1;
  double unused = 0;
  double work_query = 0;
  int info = 0;
  pdgesvd_("N", "N", &m, &n, local.data(), &one, &one, desc.data(), values.sigma.data(), &unused,
           &one, &one, desc.data(), &unused, &one, &one, desc.data(), &work_query, &query, &info, 1,
           1);
  check_info(info, "pdgesvd");
  std::vector<double> work;
  int lwork = 0;
  mpi::together(team.comm(), [&] {
    lwork = workspace_length(work_query, 2 + 6 * std::int64_t{std::max(m, n)}, "pdgesvd");
    work.resize(static_cast<std::size_t>(lwork));
  });
  pdgesvd_("N", "N", &m, &n, local.data(), &one, &one, desc.data(), values.sigma.data(), &unused,
           &one, &one, desc.data(), &unused, &one, &one, desc.data(), work.data(), &lwork, &info, 1,
           1);
  check_info(info, "pdgesvd");
  std::reverse(values.sigma.begin(), values.sigma.end());
  return values;
}

}  // namespace wishart::spectrum
