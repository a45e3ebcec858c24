#include "wishart/fit/randomised.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/fit/mp_compat.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/permutation.hpp"

namespace wishart::fit {
namespace {

std::vector<double> squares(std::span<const double> sigma) {
  std::vector<double> lambda(sigma.size());
  std::transform(sigma.begin(), sigma.end(), lambda.begin(), [](double s) { return s * s; });
  return lambda;
}

/// The traps of all views in one order: their number, and the p of the one that stands out most.
Traps traps_of_order(std::span<const double> by_view, const Shape& shape,
                     std::span<const double> view_means) {
  Traps all;
  for (std::int64_t view = 0; view < shape.views; ++view) {
    const Traps one = correlation_traps(values_of_view(by_view, shape, view), shape,
                                        view_means[static_cast<std::size_t>(view)]);
    all.num += one.num;
    all.p = std::min(all.p, one.p);
  }
  return all;
}

/// The Marchenko-Pastur fit of all permuted eigenvalues together.
void fit_permuted_bulk(WeightMeasures& measures, std::span<const double> pooled, const Shape& shape,
                       bool weightwatcher) {
  if (weightwatcher) {
    const CompatBulkFit fit = compat_bulk_fit(pooled, shape.long_side, shape.short_side);
    measures.rand_num_spikes = fit.num_spikes;
    measures.rand_sigma_mp = fit.sigma_mp;
    measures.rand_mp_softrank = fit.mp_softrank;
    measures.rand_W_scale = fit.W_scale;
    measures.rand_bulk_max = fit.bulk_max;
    measures.rand_bulk_min = fit.bulk_min;
    return;
  }
  long double sum = 0;
  for (const double value : pooled) sum += value;
  const double mean = static_cast<double>(sum) / static_cast<double>(pooled.size());
  const BulkFit fit = fit_bulk(pooled, shape);
  measures.rand_num_spikes = static_cast<std::int64_t>(fit.spike_p.size());
  measures.rand_sigma_mp = std::sqrt(fit.variance * static_cast<double>(shape.long_side) / mean);
  measures.rand_mp_softrank = fit.bulk.high / pooled.back();
  measures.rand_W_scale = 1 / std::sqrt(mean);
  measures.rand_bulk_max = fit.bulk.high;
  measures.rand_bulk_min = fit.bulk.low;
}

}  // namespace

void measure_randomised(WeightMeasures& measures, const Matrix& matrix,
                        std::span<const double> sigma,
                        std::span<const std::vector<double>> permuted,
                        std::span<const double> view_means, const FitOptions& options) {
  require(!sigma.empty() && sigma.back() > 0 && !permuted.empty(),
          "measure_randomised needs a nonzero matrix and at least one random order of it");
  require(std::ssize(view_means) == matrix.num_views(),
          "measure_randomised needs the mean of each view");
  const std::vector<double> lambda = squares(sigma);
  const auto orders = static_cast<std::int64_t>(permuted.size());
  const Shape shape{matrix.long_side(), matrix.short_side(), matrix.num_views()};
  std::vector<double> pooled;
  double distance = 0;
  for (std::int64_t k = 0; k < orders; ++k) {
    std::vector<double> values = squares(permuted[static_cast<std::size_t>(k)]);
    // A trap appears in every order, a chance eigenvalue only in some.
    const Traps traps = traps_of_order(values, shape, view_means);
    std::sort(values.begin(), values.end());
    distance += rand_distance(lambda, values);
    measures.num_traps = k == 0 ? traps.num : std::min(measures.num_traps, traps.num);
    measures.trap_p = k == 0 ? traps.p : std::max(measures.trap_p, traps.p);
    pooled.insert(pooled.end(), values.begin(), values.end());
  }
  std::sort(pooled.begin(), pooled.end());
  measures.num_rand = orders;
  measures.max_rand_eval = pooled.back();
  measures.rand_distance = distance / static_cast<double>(orders);
  measures.ww_softrank = pooled.back() / lambda.back();
  measures.ww_maxdist = lambda.back() - pooled.back();
  fit_permuted_bulk(measures, pooled, {shape.long_side, shape.short_side, shape.views * orders},
                    options.weightwatcher);
}

}  // namespace wishart::fit
