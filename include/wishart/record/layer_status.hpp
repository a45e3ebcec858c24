#pragma once

/// @file
/// The words of LayerRow::status, and what they say (docs/metrics.md#status). A file of another
/// program may hold others: such a layer counts as one with a spectrum and without a power law.

#include "wishart/record/rows.hpp"

namespace wishart {

/// Status of a layer with a power law.
inline constexpr const char* kFitted = "success";
/// Status, and warning, of a layer whose spectrum has no power-law tail, and therefore no alpha.
inline constexpr const char* kNoTail = "no-tail";
/// Status of a layer with a spectrum that no fit is possible to.
inline constexpr const char* kWithoutFit = "failed";
/// Status, and warning, of a layer with NaN or infinite weights: it has no spectrum.
inline constexpr const char* kNonfiniteWeights = "nonfinite";
/// Status, and warning, of a layer whose spectrum was not computed (SpectrumStatus::not_computed).
inline constexpr const char* kNotComputed = "error";

/// Whether a power law was fitted. If not, alpha, D, sigma, xmin and what is computed from them are
/// no measurements, whatever the columns hold: in compat mode -1, as WeightWatcher has it.
[[nodiscard]] inline bool is_fitted(const LayerRow& row) { return row.status == kFitted; }
[[nodiscard]] inline bool is_without_tail(const LayerRow& row) { return row.status == kNoTail; }
[[nodiscard]] inline bool is_without_fit(const LayerRow& row) { return row.status == kWithoutFit; }
[[nodiscard]] inline bool is_nonfinite(const LayerRow& row) {
  return row.status == kNonfiniteWeights;
}
[[nodiscard]] inline bool is_not_computed(const LayerRow& row) {
  return row.status == kNotComputed;
}

/// True unless the status is one of those without a spectrum.
[[nodiscard]] inline bool has_spectrum(const LayerRow& row) {
  return !is_nonfinite(row) && !is_not_computed(row);
}

}  // namespace wishart
