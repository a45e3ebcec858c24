#pragma once

/// @file
/// Renders comparisons, verdicts, rankings and histories as text, Markdown, HTML, JSON or in brief.

#include <iosfwd>
#include <string>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/report/report.hpp"

namespace wishart::report {

/// What changed from A to B: counts, then the layers, those with the largest change first.
[[nodiscard]] std::string render_comparison(const analysis::Comparison& comparison,
                                            const ReportStyle& style);

/// The verdict of each rule, with the layers that failed it, and how usual the changes between
/// stages are. The last line says passed or failed.
/// @param judged  the verdict on the checkpoint of the last stage
[[nodiscard]] std::string render_verdicts(const std::vector<analysis::RuleVerdict>& verdicts,
                                          const std::vector<analysis::StageChange>& changes,
                                          const analysis::Verdict& judged,
                                          const ReportStyle& style);

/// The models in order, what that order is worth, and, if `following` has rows, how the
/// metrics follow the scores.
/// @param metric    index into rank_metrics() of the metric that orders the models
/// @param left_out  what is not a whole model
[[nodiscard]] std::string render_ranking(const std::vector<analysis::Model>& models,
                                         std::size_t metric, const analysis::Following& following,
                                         const std::vector<Analysed>& left_out,
                                         const ReportStyle& style);

/// The history and the report on its last checkpoint, as one document.
/// @param beside  what the last checkpoint is held against
void write_run(std::ostream& out, const analysis::History& history, const CheckpointRecord& last,
               const ReportStyle& style, const analysis::Beside& beside = {});

}  // namespace wishart::report
