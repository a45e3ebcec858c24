/// @file
/// Singular values of one view on one rank, with LAPACK.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "wishart/core/narrow.hpp"

#include "eigenvalues.hpp"
#include "gram.hpp"
#include "lapack.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
ViewValues local_gram_values(const ViewTask& task, const SolveOptions& options, Tally& tally,
                             Workspace& workspace) {
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t n = std::max(task.rows(), task.cols());
  const std::span<double> gram = workspace.take<double>(m * m);
  ViewValues values;
  const auto products = gram_of_slice(task, {0, n}, options, tally, workspace, gram);
  values.needs_float64 = !products;
  if (!products) return values;
  values.products = *products;
  if (tally.num_nan() + tally.num_inf() > 0) return values;
  values.sigma.resize(static_cast<std::size_t>(m));
  values.solver = symmetric_eigenvalues(gram, m, best_instruction_set(), workspace, values.sigma);
  eigenvalues_to_sigma(values.sigma);
  return values;
}

ViewValues local_svd_values(const ViewTask& task, const SolveOptions& options, Tally& tally) {
  check_index(task.rows() * task.cols(), options, "the matrix");
  std::vector<double> a(static_cast<std::size_t>(task.rows() * task.cols()));
  read_tallied(task, 0, task.rows(), 0, task.cols(), a, tally);
  if (tally.num_nan() + tally.num_inf() > 0) return {};
  // Row-major rows x cols is column-major cols x rows: the transpose, which has the same singular
  // values.
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
