#include "wishart/fit/adapter.hpp"

#include <cmath>
#include <string>

#include "wishart/fit/spectrum_shape.hpp"
#include "wishart/record/layer_status.hpp"

namespace wishart::fit {

double adapter_effective_rank(std::span<const double> sigma) {
  if (sigma.empty() || !(sigma.back() > 0)) return 0;
  const auto count = static_cast<std::int64_t>(sigma.size());
  return spectrum_shape(sigma, 0, count, count).effective_rank;
}

void fill_adapter_alone(LayerRow& row) {
  AdapterMeasures& adapter = row.adapter;
  const bool zero = !(row.lambda_max > 0);
  adapter.adapter_effective_rank = zero ? 0 : row.effective_rank;
  adapter.adapter_frobenius = std::sqrt(row.norm);
  adapter.adapter_spectral = row.sv_max;
  if (!is_without_fit(row)) return;
  row.status = kNoTail;
  row.reason = zero ? "the adapter is zero"
                    : "an adapter of rank " + std::to_string(adapter.adapter_rank) +
                          " has too few singular values for a fit";
}

}  // namespace wishart::fit
