/// @file
/// Singular values of one view on one rank, with LAPACK.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "eigenvalues.hpp"
#include "gram.hpp"
#include "singular_values.hpp"
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
  require_range(tally.sizes(), options.precision);
  values.sigma.resize(static_cast<std::size_t>(m));
  values.solver = symmetric_eigenvalues(gram, m, best_instruction_set(), workspace, values.sigma);
  eigenvalues_to_sigma(values.sigma);
  return values;
}

ViewValues local_svd_values(const ViewTask& task, const SolveOptions& options, Tally& tally,
                            Workspace& workspace) {
  const std::int64_t elements = task.rows() * task.cols();
  check_index(elements, options, "the matrix");
  const std::span<double> a = workspace.take<double>(elements);
  read_tallied(task, 0, task.rows(), 0, task.cols(), a, tally);
  if (tally.num_nan() + tally.num_inf() > 0) return {};
  require_range(tally.sizes(), Precision::float64);
  ViewValues values;
  values.sigma.resize(static_cast<std::size_t>(std::min(task.rows(), task.cols())));
  // Row-major rows x cols is column-major cols x rows: the transpose, which has the same singular
  // values.
  singular_values(a, task.cols(), task.rows(), best_instruction_set(), workspace, values.sigma);
  values.solver = singular_values_routine(std::ssize(values.sigma));
  return values;
}

}  // namespace wishart::spectrum
