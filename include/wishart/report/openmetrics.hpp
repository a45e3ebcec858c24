#pragma once

/// @file
/// A checkpoint as metrics that Prometheus reads.

#include <string>

#include "wishart/analysis/history.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// What is told of a checkpoint beside its record.
struct MetricsContext {
  std::string model;  ///< value of the label `model`, which every sample has
  /// Of the run whose last checkpoint this is; null: not known.
  const analysis::History* history = nullptr;
  /// Whether the layers were held against the checkpoint before. Without that, nothing is said
  /// about the warning `unlike-past`.
  bool past_known = false;
};

/// The most roles that a checkpoint may have. wishart itself knows fewer than a hundred; each makes
/// 40 time series.
inline constexpr std::size_t kMostRoles = 200;

/// A text that is well-formed both as OpenMetrics 1.0 and in the text format 0.0.4 of Prometheus,
/// which is what the textfile collector of node_exporter reads: gauges only, without time stamps.
/// docs/monitoring.md has the metrics.
///
/// A value that is not known has no sample. No sample has the name of a layer, so the number of
/// time series does not grow with the model. The same record gives the same bytes.
///
/// @pre the warnings of the record are concluded (analysis/warnings.hpp)
/// @throws Error with Blame::input if the record has more than kMostRoles roles
[[nodiscard]] std::string openmetrics_text(const CheckpointRecord& record,
                                           const MetricsContext& context);

}  // namespace wishart::report
