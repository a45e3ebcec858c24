#pragma once

/// @file
/// A row of the table of correlation traps.

#include <cstdint>
#include <limits>
#include <string>

namespace wishart {

/// A correlation trap: a singular value of a matrix with its elements in random order that a matrix
/// of independent elements would not have. docs/metrics.md defines every column.
///
/// Column names are WeightWatcher 0.8's where it has one. Doubles that are not known are NaN.
struct TrapRow {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  std::int64_t layer_id = -1;
  std::string name;
  std::string key;              ///< of the layer
  std::int64_t order = 0;       ///< number of the random order, from 0
  std::int64_t view = 0;        ///< kernel offset of a pooled convolution
  std::int64_t trap_index = 0;  ///< from 1, descending singular values of the order
  double sigma_perm = kUnknown;
  double eval_perm = kUnknown;
  double mp_bulk_max = kUnknown;
  double trap_p = kUnknown;
  double trap_delta = kUnknown;
  double trap_ipr = kUnknown;
  double trap_q = kUnknown;
  double trap_q_uniform = kUnknown;
  double trap_diffuseness = kUnknown;
  double trap_diffuseness_uniform = kUnknown;
  double trap_ipr_left = kUnknown;
  double trap_q_left = kUnknown;
  double trap_q_uniform_left = kUnknown;
  double top_5_mass = kUnknown;
  double top_10_mass = kUnknown;
  double rank1_mass_after_unpermute = kUnknown;
  double trap_top_sector_overlap = kUnknown;
  double trap_top_sector_overlap_left = kUnknown;
  double trap_variance_burden = kUnknown;
  double layer_trap_variance_burden = kUnknown;
  double trap_residual = kUnknown;
};

/// Calls `f(name, member)` for every column, in order.
template <class F>
void visit_columns(TrapRow& r, F&& f) {
  f("layer_id", r.layer_id), f("name", r.name), f("key", r.key), f("order", r.order);
  f("view", r.view), f("trap_index", r.trap_index), f("sigma_perm", r.sigma_perm);
  f("eval_perm", r.eval_perm), f("mp_bulk_max", r.mp_bulk_max), f("trap_p", r.trap_p);
  f("trap_delta", r.trap_delta), f("trap_ipr", r.trap_ipr), f("trap_q", r.trap_q);
  f("trap_q_uniform", r.trap_q_uniform), f("trap_diffuseness", r.trap_diffuseness);
  f("trap_diffuseness_uniform", r.trap_diffuseness_uniform);
  f("trap_ipr_left", r.trap_ipr_left), f("trap_q_left", r.trap_q_left);
  f("trap_q_uniform_left", r.trap_q_uniform_left), f("top_5_mass", r.top_5_mass);
  f("top_10_mass", r.top_10_mass);
  f("rank1_mass_after_unpermute", r.rank1_mass_after_unpermute);
  f("trap_top_sector_overlap", r.trap_top_sector_overlap);
  f("trap_top_sector_overlap_left", r.trap_top_sector_overlap_left);
  f("trap_variance_burden", r.trap_variance_burden);
  f("layer_trap_variance_burden", r.layer_trap_variance_burden);
  f("trap_residual", r.trap_residual);
}

template <class F>
void visit_fields(TrapRow& row, F&& f) {
  visit_columns(row, [&](const char*, auto& value) { f(value); });
}

/// The most traps of one random order of a layer that get a row: each needs a Gram matrix of its
/// own. Shared by the plan, which counts the memory, and the scan.
inline constexpr std::int64_t kMostTrapRows = 5;

}  // namespace wishart
