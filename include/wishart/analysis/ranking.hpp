#pragma once

/// @file
/// Ranks models by their metrics, and correlates the metrics with known scores.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/correlation.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// A metric by which models can be ranked, and whether, according to the literature, a smaller
/// value means a better model (docs/histories.md).
struct RankMetric {
  const char* name;
  bool less_is_better;
};
[[nodiscard]] const std::vector<RankMetric>& rank_metrics();

/// A model with the means of its layers' metrics.
struct Model {
  std::string name;
  std::int64_t depth = 0;            ///< number of analysed matrices
  std::int64_t fitted = 0;           ///< those with a power law
  std::int64_t nonfinite = 0;        ///< those with NaN or infinite weights
  std::vector<double> values;        ///< in the order of rank_metrics()
  std::vector<double> errors;        ///< standard errors of these means, over the layers
  std::vector<std::int64_t> counts;  ///< layers with a value, of which these are the means
  Analysed about;
};
[[nodiscard]] Model model_of(const std::string& name, const std::vector<LayerRow>& layers);

/// Puts the models in the order of a metric, by the place of that in rank_metrics(). Those without
/// a value come last, after them those with weights that are not finite: nobody should use them.
void put_in_order(std::vector<Model>& models, std::size_t metric);

/// A sentence on the models with weights that are not finite; empty if there are none.
[[nodiscard]] std::string nonfinite_text(const std::vector<Model>& models);

/// A known score of a model, and the group of the model.
struct Score {
  std::string model;
  double score = kNan;
  std::string group;  ///< if empty, models are grouped by depth
};

/// The correlation of a metric with the scores.
struct FollowRow {
  std::string metric;
  std::string group;  ///< `all`, `within` (groups pooled), or the name of a group
  std::int64_t models = 0;
  double spearman = kNan;
  double spearman_low = kNan;
  double spearman_high = kNan;
  double kendall = kNan;
  double kendall_low = kNan;
  double kendall_high = kNan;
  double pearson = kNan;
  double pearson_low = kNan;
  double pearson_high = kNan;
  /// For `all`: the pooled groups have the opposite sign, and their interval does not contain 0
  /// (Simpson's paradox).
  bool reversed_within = false;
};

template <class F>
void visit_columns(FollowRow& r, F&& f) {
  f("metric", r.metric), f("group", r.group), f("models", r.models);
  f("spearman", r.spearman), f("spearman_low", r.spearman_low);
  f("spearman_high", r.spearman_high);
  f("kendall", r.kendall), f("kendall_low", r.kendall_low), f("kendall_high", r.kendall_high);
  f("pearson", r.pearson), f("pearson_low", r.pearson_low), f("pearson_high", r.pearson_high);
  f("reversed_within", r.reversed_within);
}

/// The metric that correlates best with the scores.
struct Best {
  std::string metric;               ///< empty if it cannot be determined
  std::string basis;                ///< `within` if there are groups to pool, else `all`
  std::vector<std::string> rivals;  ///< metrics whose intervals of |spearman| overlap with it
};

/// What the scores are.
struct ScoreColumn {
  std::string name;  ///< empty: nobody named it
  /// Of a loss or an error; empty: not known.
  std::optional<bool> lower_is_better = false;
};

/// What the words in the name of a column tell: true of losses and errors, as in
/// `word_perplexity,none`, false of scores, as in `acc_norm`; nothing if they tell neither, or
/// both.
[[nodiscard]] std::optional<bool> is_lower_better(const std::string& column);

struct Following {
  std::vector<FollowRow> rows;  ///< by metric in their order; `all`, `within`, then the groups
  Best best;
  std::vector<std::string> unmatched;  ///< names in the scores without a model
  ScoreColumn score;
  /// Most of the models are checkpoints of a run that has three in their group, as their names and
  /// steps tell.
  bool of_runs = false;
};

/// Correlates the metrics of the models with their scores.
[[nodiscard]] Following follow(const std::vector<Model>& models, const std::vector<Score>& scores,
                               const ScoreColumn& column = {});

}  // namespace wishart::analysis
