#pragma once

/// @file
/// Comparisons, verdicts, rankings and histories for people, and as JSON.

#include <string>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/report/report.hpp"

namespace wishart::report {

/// What changed from A to B: counts, then the layers, what changed most first.
[[nodiscard]] std::string render_comparison(const analysis::Comparison& comparison,
                                            ReportFormat format);

/// Each rule's verdict with the layers that failed it. The last line says passed or failed.
[[nodiscard]] std::string render_verdicts(const std::vector<analysis::RuleVerdict>& verdicts,
                                          ReportFormat format);

/// The models in their order, and, where `following` has rows, how the metrics follow the scores.
/// @param metric  index into rank_metrics(): by which the models are ordered
/// @param left_out  what is no whole model
[[nodiscard]] std::string render_ranking(const std::vector<analysis::Model>& models,
                                         std::size_t metric, const analysis::Following& following,
                                         const std::vector<analysis::Analysed>& left_out,
                                         ReportFormat format);

/// The checkpoints of a run, what drifts, and the advice with its evidence and its caveat.
[[nodiscard]] std::string render_history(const analysis::History& history, ReportFormat format);

/// The history, then the report of its last checkpoint, as one text.
[[nodiscard]] std::string render_run(const analysis::History& history, const CheckpointRecord& last,
                                     ReportFormat format);

}  // namespace wishart::report
