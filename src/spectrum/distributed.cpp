#include "distributed.hpp"

#include <algorithm>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"

#include "lapack.hpp"

namespace wishart::spectrum {

std::int64_t block_for(std::int64_t extent, const ProcessGrid& grid, std::int64_t wanted) noexcept {
  const std::int64_t parts = std::max(grid.rows(), grid.cols());
  return std::clamp<std::int64_t>((extent + parts - 1) / parts, 1, wanted);
}

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

DistributedMatrix make_distributed(Team& team, std::int64_t order, const SolveOptions& options,
                                   Workspace& workspace) {
  const ProcessGrid& grid = team.grid();
  DistributedMatrix matrix;
  matrix.order = order;
  matrix.block = block_for(order, grid, options.block);
  const BlockCyclic down{order, matrix.block, grid.rows()};
  const BlockCyclic across{order, matrix.block, grid.cols()};
  mpi::together(team.comm(), [&] {
    const std::int64_t held = down.local_extent(grid.row()) * across.local_extent(grid.col());
    check_index(held, options, "a rank's share of the Gram matrix");
    matrix.share = workspace.take<double>(std::max<std::int64_t>(1, held));
  });
  matrix.desc = descriptor(grid, down, across);
  return matrix;
}

void mirror_lower(Team& team, DistributedMatrix& matrix, Workspace& workspace) {
  // Transpose into a second share, then copy the elements above the diagonal from there.
  const ProcessGrid& grid = team.grid();
  std::span<double> transposed;
  mpi::together(team.comm(),
                [&] { transposed = workspace.take<double>(std::ssize(matrix.share)); });
  const int n = narrow<int>(matrix.order, "order of a Gram matrix");
  const double one = 1.0;
  const double zero = 0.0;
  const int first = 1;
  pdtran_(&n, &n, &one, matrix.share.data(), &first, &first, matrix.desc.data(), &zero,
          transposed.data(), &first, &first, matrix.desc.data());
  const BlockCyclic down{matrix.order, matrix.block, grid.rows()};
  const BlockCyclic across{matrix.order, matrix.block, grid.cols()};
  const std::int64_t rows = down.local_extent(grid.row());
  const std::int64_t cols = across.local_extent(grid.col());
  for (std::int64_t c = 0; c < cols; ++c) {
    const std::int64_t col = across.global_index(grid.col(), c);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto at = static_cast<std::size_t>(r + c * rows);
      if (down.global_index(grid.row(), r) < col) matrix.share[at] = transposed[at];
    }
  }
}

void eigenvalues_by_scalapack(Team& team, DistributedMatrix& matrix, Workspace& workspace,
                              std::span<double> eigenvalues) {
  const ProcessGrid& grid = team.grid();
  const int n = narrow<int>(matrix.order, "order of a Gram matrix");
  const std::int64_t local_cols = std::max<std::int64_t>(
      1, BlockCyclic{matrix.order, matrix.block, grid.cols()}.local_extent(grid.col()));
  std::span<double> diagonal;
  std::span<double> below;
  std::span<double> tau;
  std::span<double> all_below;
  mpi::together(team.comm(), [&] {
    diagonal = workspace.take<double>(local_cols);
    below = workspace.take<double>(local_cols);
    tau = workspace.take<double>(local_cols);
    all_below = workspace.take<double>(matrix.order);
  });
  const int one = 1;
  const int query = -1;
  double work_query = 0;
  int info = 0;
  pdsyntrd_("L", &n, matrix.share.data(), &one, &one, matrix.desc.data(), diagonal.data(),
            below.data(), tau.data(), &work_query, &query, &info, 1);
  check_info(info, "pdsyntrd");
  std::span<double> work;
  int lwork = 0;
  mpi::together(team.comm(), [&] {
    lwork = workspace_length(work_query, 3 * matrix.block, "pdsyntrd");
    work = workspace.take<double>(std::max<std::int64_t>(lwork, matrix.order));
  });
  pdsyntrd_("L", &n, matrix.share.data(), &one, &one, matrix.desc.data(), diagonal.data(),
            below.data(), tau.data(), work.data(), &lwork, &info, 1);
  check_info(info, "pdsyntrd");
  const int length = narrow<int>(std::ssize(work), "workspace of pdlared1d");
  pdlared1d_(&n, &one, &one, matrix.desc.data(), diagonal.data(), eigenvalues.data(), work.data(),
             &length);
  pdlared1d_(&n, &one, &one, matrix.desc.data(), below.data(), all_below.data(), work.data(),
             &length);
  // Every rank has the tridiagonal matrix and computes the same result.
  dsterf_(&n, eigenvalues.data(), all_below.data(), &info);
  check_info(info, "dsterf");
}

}  // namespace wishart::spectrum
