#pragma once

/// @file
/// Quantities that need the weights of a matrix, not only its spectrum.

#include <cstdint>
#include <limits>

namespace wishart {

/// Measured during a scan; `refit` keeps the values. docs/metrics.md defines every column.
///
/// Doubles that are not known are NaN; counts that are not known are -1.
struct WeightMeasures {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  // With the elements in random order (`--randomize`); WeightWatcher's names first.
  std::int64_t rand_num_spikes = -1;
  double max_rand_eval = kUnknown;
  double rand_distance = kUnknown;
  double ww_softrank = kUnknown;
  double ww_maxdist = kUnknown;
  double rand_sigma_mp = kUnknown;
  double rand_mp_softrank = kUnknown;
  double rand_W_scale = kUnknown;
  double rand_bulk_max = kUnknown;
  double rand_bulk_min = kUnknown;
  std::int64_t num_rand = 0;  ///< random orders
  std::int64_t num_traps = -1;
  double trap_p = kUnknown;
  // Windows of one aspect ratio (`--farms`).
  double farms_alpha = kUnknown;
  double farms_hill = kUnknown;
  std::int64_t num_farms = 0;  ///< windows
  // Against the base (`--base`): the matrix analysed is W - W_base.
  double base_norm = kUnknown;
  double tuned_norm = kUnknown;
  double base_sv_max = kUnknown;
  double tuned_sv_max = kUnknown;
  double delta_frobenius = kUnknown;
  double delta_spectral = kUnknown;
  double cka = kUnknown;
  double ww_cka = kUnknown;
  std::int64_t num_top = -1;
  double top_overlap = kUnknown;
  double top_angle = kUnknown;
  double top_participation = kUnknown;
  double top_entropy = kUnknown;
  double base_top_participation = kUnknown;
  double base_top_entropy = kUnknown;
  double top_residual = kUnknown;
  std::int64_t num_intruders = -1;
  std::int64_t traps_left_out = -1;  ///< traps without a row in the table of traps, of all orders
};

/// Calls `f(name, member)` for every column of the first versions, in order.
template <class F>
void visit_columns(WeightMeasures& m, F&& f) {
  f("rand_num_spikes", m.rand_num_spikes), f("max_rand_eval", m.max_rand_eval);
  f("rand_distance", m.rand_distance), f("ww_softrank", m.ww_softrank);
  f("ww_maxdist", m.ww_maxdist), f("rand_sigma_mp", m.rand_sigma_mp);
  f("rand_mp_softrank", m.rand_mp_softrank), f("rand_W_scale", m.rand_W_scale);
  f("rand_bulk_max", m.rand_bulk_max), f("rand_bulk_min", m.rand_bulk_min);
  f("num_rand", m.num_rand), f("num_traps", m.num_traps), f("trap_p", m.trap_p);
  f("farms_alpha", m.farms_alpha), f("farms_hill", m.farms_hill), f("num_farms", m.num_farms);
  f("base_norm", m.base_norm), f("tuned_norm", m.tuned_norm);
  f("base_sv_max", m.base_sv_max), f("tuned_sv_max", m.tuned_sv_max);
  f("delta_frobenius", m.delta_frobenius), f("delta_spectral", m.delta_spectral);
  f("cka", m.cka), f("ww_cka", m.ww_cka), f("num_top", m.num_top);
  f("top_overlap", m.top_overlap), f("top_angle", m.top_angle);
  f("top_participation", m.top_participation), f("top_entropy", m.top_entropy);
  f("base_top_participation", m.base_top_participation);
  f("base_top_entropy", m.base_top_entropy), f("top_residual", m.top_residual);
}

/// The same for the columns that were added later: they stand at the end of the layer table.
template <class F>
void visit_later_columns(WeightMeasures& m, F&& f) {
  f("num_intruders", m.num_intruders);
}

/// Those that come after the columns of adapters.
template <class F>
void visit_latest_columns(WeightMeasures& m, F&& f) {
  f("traps_left_out", m.traps_left_out);
}

template <class F>
void visit_fields(WeightMeasures& m, F&& f) {
  visit_columns(m, [&](const char*, auto& value) { f(value); });
  visit_later_columns(m, [&](const char*, auto& value) { f(value); });
  visit_latest_columns(m, [&](const char*, auto& value) { f(value); });
}

}  // namespace wishart
