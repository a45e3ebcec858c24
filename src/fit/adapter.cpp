#include "wishart/fit/adapter.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/fit/thresholds.hpp"
#include "wishart/record/fit_counts.hpp"

namespace wishart::fit {
namespace {

void add_warning(LayerRow& row, const char* warning) {
  row.warning += (row.warning.empty() ? "" : ";") + std::string(warning);
}

}  // namespace

double effective_rank(std::span<const double> sigma) {
  long double sum = 0;
  for (const double value : sigma) sum += value;
  if (!(sum > 0)) return 0;
  long double entropy = 0;
  for (const double value : sigma) {
    const long double p = value / sum;
    if (p > 0) entropy -= p * std::log(p);
  }
  return static_cast<double>(std::exp(entropy));
}

void fill_adapter_alone(LayerRow& row, std::span<const double> sigma) {
  AdapterMeasures& adapter = row.adapter;
  const auto most = std::min(sigma.size(), static_cast<std::size_t>(adapter.adapter_rank));
  // The values beyond r are zero; what rounding makes of them does not count.
  adapter.adapter_effective_rank = effective_rank(sigma.last(most));
  adapter.adapter_frobenius = std::sqrt(row.norm);
  adapter.adapter_spectral = row.sv_max;
  if (row.status != "failed") return;
  row.status = kNoTail;
  row.reason = row.lambda_max > 0 ? "an adapter of rank " + std::to_string(adapter.adapter_rank) +
                                        " has too few singular values for a fit"
                                  : "the adapter is zero";
}

void warn_of_adapter(LayerRow& row) {
  const AdapterMeasures& adapter = row.adapter;
  if (is_adapter_alone(row.dtype)) row.warning.clear();
  if (adapter.adapter_frobenius == 0) return add_warning(row, "adapter-zero");
  const auto most = static_cast<double>(std::min(adapter.adapter_rank, row.M));
  if (adapter.adapter_effective_rank < 1 + kAdapterCollapsed * (most - 1)) {
    add_warning(row, "adapter-collapsed");
  }
  if (row.weights.delta_frobenius > kAdapterDominates) add_warning(row, "adapter-dominates");
}

}  // namespace wishart::fit
