/// @file
/// Singular values of one view on one rank, with LAPACK.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "wishart/core/narrow.hpp"

#include "lapack.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// From this size on the reduction in two stages (full to band to tridiagonal) is faster than the
/// one-stage one, on one thread (docs/numerics.md).
constexpr int kTwoStageFrom = 1024;

/// Reads a block, tallies it row by row, and leaves it in `out`, row-major.
void read_tallied(const ViewTask& task, std::int64_t row_begin, std::int64_t row_end,
                  std::int64_t col_begin, std::int64_t col_end, std::span<double> out,
                  Tally& tally) {
  task.source->read(task.view, row_begin, row_end, col_begin, col_end, out);
  const std::int64_t width = col_end - col_begin;
  if (width == task.cols()) {
    tally.add(task.position(row_begin, 0), out);
    return;
  }
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    tally.add(task.position(row, col_begin),
              out.subspan(static_cast<std::size_t>((row - row_begin) * width),
                          static_cast<std::size_t>(width)));
  }
}

/// Adds up the Gram matrix of the short side, panel by panel: the lower triangle, column-major.
std::vector<double> gram_matrix(const ViewTask& task, const SolveOptions& options, Tally& tally) {
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t n = std::max(task.rows(), task.cols());
  std::vector<double> gram(static_cast<std::size_t>(m * m), 0.0);
  const std::int64_t depth =
      std::clamp<std::int64_t>(options.panel_bytes / (8 * m), 1, std::max<std::int64_t>(n, 1));
  std::vector<double> panel(static_cast<std::size_t>(m * std::min(depth, n)));
  const int order = narrow<int>(m, "order of a Gram matrix");
  const double one = 1.0;
  for (std::int64_t begin = 0; begin < n; begin += depth) {
    const std::int64_t end = std::min(n, begin + depth);
    const int count = narrow<int>(end - begin, "depth of a panel");
    const std::span<double> part(panel.data(), static_cast<std::size_t>(m * (end - begin)));
    if (tall) {
      // Row-major rows are the columns of a column-major m x count matrix B: G += B B^T.
      read_tallied(task, begin, end, 0, m, part, tally);
      dsyrk_("L", "N", &order, &count, &one, part.data(), &order, &one, gram.data(), &order, 1, 1);
    } else {
      // A range of columns, row-major, is a column-major count x m matrix B: G += B^T B.
      read_tallied(task, 0, m, begin, end, part, tally);
      dsyrk_("L", "T", &order, &count, &one, part.data(), &count, &one, gram.data(), &order, 1, 1);
    }
  }
  return gram;
}

using SymmetricSolver = decltype(&dsyevd_);

void solve(SymmetricSolver solver, const char* name, std::vector<double>& a, int n,
           std::vector<double>& w) {
  int info = 0;
  double work_query = 0;
  int iwork_query = 0;
  const int query = -1;
  solver("N", "L", &n, a.data(), &n, w.data(), &work_query, &query, &iwork_query, &query, &info, 1,
         1);
  check_info(info, name);
  const int lwork = workspace_length(work_query, 2 * std::int64_t{n} + 1, name);
  const int liwork = std::max(1, iwork_query);
  std::vector<double> work(static_cast<std::size_t>(lwork));
  std::vector<int> iwork(static_cast<std::size_t>(liwork));
  solver("N", "L", &n, a.data(), &n, w.data(), work.data(), &lwork, iwork.data(), &liwork, &info, 1,
         1);
  check_info(info, name);
}

}  // namespace

ViewValues local_gram_values(const ViewTask& task, const SolveOptions& options, Tally& tally) {
  std::vector<double> gram = gram_matrix(task, options, tally);
  if (tally.num_nan() + tally.num_inf() > 0) return {};
  const int m = narrow<int>(std::min(task.rows(), task.cols()), "order of a Gram matrix");
  ViewValues values;
  values.sigma.resize(static_cast<std::size_t>(m));
  values.solver = m >= kTwoStageFrom ? "dsyevd_2stage" : "dsyevd";
  solve(m >= kTwoStageFrom ? &dsyevd_2stage_ : &dsyevd_, values.solver, gram, m, values.sigma);
  eigenvalues_to_sigma(values.sigma);
  return values;
}

ViewValues local_svd_values(const ViewTask& task, Tally& tally) {
  std::vector<double> a(static_cast<std::size_t>(task.rows() * task.cols()));
  read_tallied(task, 0, task.rows(), 0, task.cols(), a, tally);
  if (tally.num_nan() + tally.num_inf() > 0) return {};
  // Row-major rows x cols is column-major cols x rows: the transpose, with the same values.
  const int m = narrow<int>(task.cols(), "columns of a matrix");
  const int n = narrow<int>(task.rows(), "rows of a matrix");
  const int small = std::min(m, n);
  ViewValues values;
  values.solver = "dgesdd";
  values.sigma.resize(static_cast<std::size_t>(small));
  std::vector<int> iwork(static_cast<std::size_t>(8 * small));
  double unused = 0;
  double work_query = 0;
  const int one = 1;
  const int query = -1;
  int info = 0;
  dgesdd_("N", &m, &n, a.data(), &m, values.sigma.data(), &unused, &one, &unused, &one, &work_query,
          &query, iwork.data(), &info, 1);
  check_info(info, values.solver);
  // The documented minimum for JOBZ = 'N' (LAPACK 3.11).
  const std::int64_t least =
      3 * std::int64_t{small} + std::max<std::int64_t>(std::max(m, n), 7 * std::int64_t{small});
  const int lwork = workspace_length(work_query, least, values.solver);
  std::vector<double> work(static_cast<std::size_t>(lwork));
  dgesdd_("N", &m, &n, a.data(), &m, values.sigma.data(), &unused, &one, &unused, &one, work.data(),
          &lwork, iwork.data(), &info, 1);
  check_info(info, values.solver);
  std::reverse(values.sigma.begin(), values.sigma.end());
  return values;
}

}  // namespace wishart::spectrum
