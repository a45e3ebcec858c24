/// @file
/// Singular values of one view on a team, with ScaLAPACK on a block-cyclic grid.
///
/// The data are kept transposed: B is the column-major matrix whose columns are rows of the view,
/// so that a row read from the file lands in consecutive memory. B's rows (columns of the view) are
/// dealt out over the grid's rows, B's columns (rows of the view) over the grid's columns.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/spectrum/block_cyclic.hpp"

#include "lapack.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

using Descriptor = std::array<int, 9>;

/// A part of the view, [row_begin, row_begin + rows.extent) x [col_begin, ...), and how it is dealt
/// out on the grid.
struct Share {
  BlockCyclic rows;  ///< over the grid's columns
  BlockCyclic cols;  ///< over the grid's rows
  std::int64_t row_begin = 0;
  std::int64_t col_begin = 0;
};

/// Rows that one read covers at most, whatever the block: bounds the reading buffer.
constexpr std::int64_t kReadBytes = std::int64_t{4} << 20U;

Descriptor descriptor(const ProcessGrid& grid, const BlockCyclic& down, const BlockCyclic& across) {
  Descriptor desc{};
  const int m = narrow<int>(down.extent, "rows of a distributed matrix");
  const int n = narrow<int>(across.extent, "columns of a distributed matrix");
  const int mb = narrow<int>(down.block, "block of a distributed matrix");
  const int nb = narrow<int>(across.block, "block of a distributed matrix");
  const int zero = 0;
  const int context = grid.context();
  const int lld = narrow<int>(std::max<std::int64_t>(1, down.local_extent(grid.row())),
                              "local rows of a distributed matrix");
  int info = 0;
  descinit_(desc.data(), &m, &n, &mb, &nb, &zero, &zero, &context, &lld, &info);
  check_info(info, "descinit");
  return desc;
}

/// Fills this rank's part of B (column-major, at least 1 long) and tallies what it holds.
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
    // A run of local columns inside one block is a run of rows of the view.
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

bool any_nonfinite(const mpi::Comm& team, const Tally& tally) {
  return team.maximum(tally.num_nan() + tally.num_inf()) > 0;
}

/// A block that leaves every row and column of the grid something to do where the matrix allows.
std::int64_t block_for(std::int64_t extent, const ProcessGrid& grid, std::int64_t wanted) {
  const std::int64_t parts = std::max(grid.rows(), grid.cols());
  return std::clamp<std::int64_t>((extent + parts - 1) / parts, 1, wanted);
}

/// Eigenvalues of the distributed Gram matrix, ascending, on every rank.
std::vector<double> distributed_eigenvalues(std::vector<double>& gram, const Descriptor& desc,
                                            std::int64_t order, const mpi::Comm& team) {
  const int n = narrow<int>(order, "order of a Gram matrix");
  std::vector<double> w(static_cast<std::size_t>(order));
  const int one = 1;
  const int query = -1;
  double work_query = 0;
  double unused = 0;
  int info = 0;
  pdsyev_("N", "L", &n, gram.data(), &one, &one, desc.data(), w.data(), &unused, &one, &one,
          desc.data(), &work_query, &query, &info, 1, 1);
  check_info(info, "pdsyev");
  std::vector<double> work;
  int lwork = 0;
  mpi::together(team, [&] {
    lwork = workspace_length(work_query, 5 * order + 1, "pdsyev");
    work.resize(static_cast<std::size_t>(lwork));
  });
  pdsyev_("N", "L", &n, gram.data(), &one, &one, desc.data(), w.data(), &unused, &one, &one,
          desc.data(), work.data(), &lwork, &info, 1, 1);
  check_info(info, "pdsyev");
  return w;
}

}  // namespace

ViewValues team_gram_values(const ViewTask& task, Team& team, const SolveOptions& options,
                            Tally& tally) {
  const ProcessGrid& grid = team.grid();
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t n = std::max(task.rows(), task.cols());
  const std::int64_t block = block_for(m, grid, options.block);
  const BlockCyclic gram_down{m, block, grid.rows()};
  const BlockCyclic gram_across{m, block, grid.cols()};
  const Descriptor gram_desc = descriptor(grid, gram_down, gram_across);
  // The depth of a panel: what the ranks' buffers hold together, in whole rounds of blocks.
  const std::int64_t round = block * std::max(grid.rows(), grid.cols());
  const std::int64_t wanted = options.panel_bytes * team.comm().size() / (8 * m);
  const std::int64_t depth = std::max(round, wanted / round * round);

  std::vector<double> gram;
  std::vector<double> local;
  mpi::together(team.comm(), [&] {
    const std::int64_t held =
        gram_down.local_extent(grid.row()) * gram_across.local_extent(grid.col());
    gram.assign(static_cast<std::size_t>(std::max<std::int64_t>(1, held)), 0.0);
  });
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
    pdsyrk_("L", tall ? "N" : "T", &order, &k, &one, local.data(), &first, &first, desc.data(),
            &one, gram.data(), &first, &first, gram_desc.data(), 1, 1);
  }
  if (any_nonfinite(team.comm(), tally)) return {};
  ViewValues values;
  values.solver = "pdsyev";
  values.sigma = distributed_eigenvalues(gram, gram_desc, m, team.comm());
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
    local.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, held)));
    read_share(task, grid, share, local, tally);
  });
  if (any_nonfinite(team.comm(), tally)) return {};

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
