#include "scan/archived/stored_spectrum.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/layer_status.hpp"

namespace wishart::job {

StoredSpectrum stored(Spectrum&& spectrum) {
  return {std::move(spectrum.sigma), std::move(spectrum.view_sigma_min),
          std::move(spectrum.view_sigma_max), std::move(spectrum.view_rank_loss)};
}

std::vector<TrapRow> trap_rows_of(const LayerRow& row, std::vector<TrapRow> traps) {
  for (TrapRow& trap : traps) {
    trap.layer_id = row.layer_id;
    trap.name = row.name;
    trap.key = row.key;
  }
  return traps;
}

LayerRow shape_row(const Matrix& matrix) {
  LayerRow row;
  row.key = matrix.key;
  row.name = matrix.tensor.name;
  row.rows = matrix.rows;
  row.cols = matrix.cols;
  row.M = matrix.short_side();
  row.N = matrix.long_side();
  row.num_evals = matrix.num_values();
  return row;
}

std::string contradiction(const LayerRow& row, const Spectrum& spectrum) {
  if (spectrum.status > SpectrumStatus::not_computed) {
    return printable(row.key) + ": its status is " +
           std::to_string(static_cast<int>(spectrum.status));
  }
  CheckpointRecord record;
  record.layers.push_back(row);
  LayerRow& only = record.layers.front();
  only.layer_id = 0;
  only.has_esd = spectrum.status == SpectrumStatus::ok;
  record.traps = trap_rows_of(only, spectrum.traps);
  record.spectra.push_back(stored(Spectrum(spectrum)));
  std::vector<std::string> found = archive::contradictions(record);
  return found.empty() ? std::string() : std::move(found.front());
}

Spectrum restored(const LayerRow& row, StoredSpectrum&& part, const std::vector<TrapRow>& traps) {
  Spectrum spectrum;
  const auto first = std::lower_bound(
      traps.begin(), traps.end(), row.layer_id,
      [](const TrapRow& trap, std::int64_t layer) { return trap.layer_id < layer; });
  const auto last = std::find_if(
      first, traps.end(), [&](const TrapRow& trap) { return trap.layer_id != row.layer_id; });
  spectrum.traps.assign(first, last);
  spectrum.exit_code = narrow<std::int32_t>(row.exit_code, "an exit code");
  for (const Method method : {Method::svd, Method::qr}) {
    if (method_name(method) == row.method) spectrum.method = method;
  }
  if (row.precision == precision_name(Precision::float32)) spectrum.precision = Precision::float32;
  if (row.products == products_name(Products::integer)) {
    spectrum.products.products = Products::integer;
  }
  spectrum.products.bits = narrow<std::int32_t>(row.integer_bits, "bits of integers");
  spectrum.products.bytes = narrow<std::int32_t>(row.integer_moduli, "a number of bytes");
  spectrum.products.panels = row.integer_panels;
  spectrum.products.float64_panels = row.float64_panels;
  spectrum.products.apart = row.elements_apart;
  spectrum.solver = row.solver;
  spectrum.team_size = narrow<std::int32_t>(row.team_size, "a team's size");
  spectrum.num_nan = row.num_nan;
  spectrum.num_inf = row.num_inf;
  spectrum.hash = row.hash;
  spectrum.seconds = row.seconds;
  spectrum.weights = row.weights;
  spectrum.adapter = row.adapter;
  spectrum.same_as = row.same_as;
  if (!has_spectrum(row)) {
    spectrum.status = is_nonfinite(row) ? SpectrumStatus::nonfinite : SpectrumStatus::not_computed;
    spectrum.reason = row.reason;
    return spectrum;
  }
  spectrum.status = SpectrumStatus::ok;  // the reason in such a row is about its fit
  spectrum.sigma = std::move(part.sigma);
  spectrum.view_sigma_min = std::move(part.view_sigma_min);
  spectrum.view_sigma_max = std::move(part.view_sigma_max);
  spectrum.view_rank_loss = std::move(part.view_rank_loss);
  spectrum.floor_sigma = row.floor_sigma;
  spectrum.num_below_floor = row.num_below_floor;
  spectrum.sum_squares = row.sum_squares;
  spectrum.sum_squares_error = row.sum_squares_error;
  return spectrum;
}

bool is_lasting(const Spectrum& spectrum) noexcept {
  return spectrum.status != SpectrumStatus::not_computed ||
         spectrum.exit_code == static_cast<int>(Blame::numerics);
}

bool is_lasting(const LayerRow& row) noexcept {
  return row.status != "error" || row.exit_code == static_cast<int>(Blame::numerics);
}

bool all_lasting(const std::vector<LayerRow>& rows) noexcept {
  return std::all_of(rows.begin(), rows.end(), [](const LayerRow& row) { return is_lasting(row); });
}

}  // namespace wishart::job
