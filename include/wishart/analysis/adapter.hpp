#pragma once

/// @file
/// The table of an adapter: what it changes in each layer.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// One adapted layer. The columns are those of the layer table with the same names, except
/// `warning`, which has only the words about adapters.
struct AdapterRow {
  std::string key;
  std::string role;
  std::int64_t block = -1;
  std::int64_t adapter_rank = -1;
  double adapter_effective_rank = kNan;
  double adapter_frobenius = kNan;
  double adapter_spectral = kNan;
  double delta_frobenius = kNan;
  double delta_spectral = kNan;
  double adapter_alignment = kNan;
  double top_overlap = kNan;
  std::int64_t num_intruders = -1;
  std::string warning;
};

template <class F>
void visit_columns(AdapterRow& r, F&& f) {
  f("key", r.key), f("role", r.role), f("block", r.block), f("adapter_rank", r.adapter_rank);
  f("adapter_effective_rank", r.adapter_effective_rank);
  f("adapter_frobenius", r.adapter_frobenius), f("adapter_spectral", r.adapter_spectral);
  f("delta_frobenius", r.delta_frobenius), f("delta_spectral", r.delta_spectral);
  f("adapter_alignment", r.adapter_alignment), f("top_overlap", r.top_overlap);
  f("num_intruders", r.num_intruders);
  f("warning", r.warning);
}

/// The adapted layers, in the order of the layer table. Empty for weights without an adapter.
[[nodiscard]] std::vector<AdapterRow> adapter_rows(const std::vector<LayerRow>& layers);

/// A sentence or two: the rank, how many layers, their effective ranks, and the size of the change
/// where the base is known. Empty if no layer is adapted.
[[nodiscard]] std::string adapter_text(const std::vector<AdapterRow>& rows, std::size_t layers);

}  // namespace wishart::analysis
