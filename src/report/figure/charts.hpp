#pragma once

/// @file
/// Internal: the figures of each report.
///
/// Each function leaves out what the record, the archive or the checkpoint does not know. Figures
/// stay small whatever the number of layers: layers are thinned, or summed up by role and block,
/// and the caption says so.

#include <cstddef>
#include <optional>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/record/checkpoint_record.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// The layers of a checkpoint: heat maps by role and block (group `blocks`) and by expert and block
/// (group `experts`), alpha against depth, alpha by role, alpha against D. Spectra are figures of
/// their own (density_figures.hpp).
/// @param before  the layers of the checkpoint before, for what has changed since; null: not known
[[nodiscard]] std::vector<Figure> checkpoint_figures(const CheckpointRecord& record,
                                                     const std::vector<LayerRow>* before = nullptr);

/// The metrics of a run against tokens (or steps, if tokens are not known), alpha and losses first;
/// then heat maps by layer and checkpoint (group `layers`).
[[nodiscard]] std::vector<Figure> history_figures(const analysis::History& history);

/// One layer through a run: alpha, D, stable rank, and the change of its norm. Nothing if no
/// checkpoint has a step.
[[nodiscard]] std::optional<Figure> course_figure(const analysis::History& history,
                                                  const analysis::LayerCourse& course);

/// How far the layers moved from A to B, by depth, and alpha in B against alpha in A.
[[nodiscard]] std::vector<Figure> comparison_figures(const analysis::Comparison& comparison);

/// The models in their order by a metric, with the intervals of the means.
/// @param metric  index into analysis::rank_metrics()
[[nodiscard]] std::vector<Figure> ranking_figures(const std::vector<analysis::Model>& models,
                                                  std::size_t metric);

/// How each metric follows a public leaderboard (analysis::worths).
[[nodiscard]] std::vector<Figure> worth_figures();

/// How each metric follows the given scores, over all models and within the groups.
[[nodiscard]] std::vector<Figure> following_figures(
    const std::vector<analysis::FollowRow>& following);

/// How many layers are outside of each rule that counts layers, broken rules first.
[[nodiscard]] std::vector<Figure> gate_figures(const std::vector<analysis::RuleVerdict>& verdicts);

/// The most dots of a figure that stand for one layer each.
inline constexpr std::size_t kMostDots = 4000;

}  // namespace wishart::report
