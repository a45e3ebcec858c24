#pragma once

/// @file
/// Internal: the measures between which the heat maps of a checkpoint switch.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "figure/heat_map.hpp"

namespace wishart::report {

/// One number for each layer.
struct Measure {
  std::string name;   ///< `alpha`, `D`, `stable_rank`, `change`, `warnings`
  std::string label;  ///< with its unit
  ScaleKind kind = ScaleKind::sequential;
  std::vector<double> values;  ///< by layer; NaN: not known
};

/// alpha, D, stable rank, and where it is known the change: of a difference, beside the base
/// (delta_frobenius), else of the norm since the checkpoint before; then warnings: 1 for a layer
/// that needs attention, else 0. Remarks are no warnings.
/// @param before  null: not known
[[nodiscard]] std::vector<Measure> measures_of(const CheckpointRecord& record,
                                               const std::vector<LayerRow>* before);

/// True if one of the layer's warnings is not a remark only.
[[nodiscard]] bool needs_attention(const LayerRow& layer);

/// alpha of a layer whose fit counts; else NaN.
[[nodiscard]] double fitted_alpha(const LayerRow& layer);

/// The change in % from one squared norm to another, of the norms themselves, from their decimal
/// logarithms.
[[nodiscard]] double norm_change(double log_before, double log_now);

/// A value of a measure in words: `3.25`, `12 %`, `yes`.
[[nodiscard]] std::string value_text(const Measure& measure, double value);

}  // namespace wishart::report
