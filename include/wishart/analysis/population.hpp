#pragma once

/// @file
/// Statistics of 12 349 public language models: how much fine-tuning usually changes the mean of a
/// metric, and how well each metric follows the quality of a model (tools/make-population).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/analysis/paired.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// Spearman's rho with its interval of 95 %.
struct Rho {
  double value = kNan;
  double low = kNan;
  double high = kNan;
  std::int64_t models = 0;  ///< pairs of models for `change`
};

/// How the mean of a metric over the layers of a model follows the average of a public leaderboard.
struct Worth {
  std::string_view metric;
  Rho all;     ///< over models of all sizes
  Rho fixed;   ///< with the number of parameters held fixed
  Rho shape;   ///< within groups of one shape
  Rho change;  ///< of derived models: the change of the metric against that of the score
};

/// The known metrics: those of rank_metrics(), in its order, then others.
[[nodiscard]] std::span<const Worth> worths();
/// Null if nothing is known: of `mp_softrank`, `alpha_hill`, and `entropy`, which the source
/// defines differently.
[[nodiscard]] const Worth* worth_of(std::string_view metric);
/// True if rho within one shape cannot be distinguished from 0: its interval contains 0.
[[nodiscard]] bool is_worth_nothing(const Worth& worth);

/// How usual a change of the mean of a metric is.
struct UsualChange {
  std::string metric;        ///< `alpha`, `log_norm`, `log_spectral_norm`
  std::int64_t layers = 0;   ///< with a finite value in both checkpoints
  double change = kNan;      ///< of the mean over them
  double percentile = kNan;  ///< of |change| among the pairs, 1 to 99 as in usual.hpp
  double median = kNan;      ///< of |change| among the pairs
  double tenth = kNan;       ///< its 90th percentile
  std::int64_t pairs = 0;    ///< pairs of a model and one derived from it
  std::string text;          ///< a sentence
};

template <class F>
void visit_columns(UsualChange& r, F&& f) {
  f("metric", r.metric), f("layers", r.layers), f("change", r.change);
  f("percentile", r.percentile), f("median", r.median), f("tenth", r.tenth), f("pairs", r.pairs),
      f("text", r.text);
}

/// The change from A to B of each metric with reference values, over the layers with a value in
/// both. Embeddings and head are left out, as in the reference. Empty if no layer is left, or if
/// the rows describe differences to a base or adapters.
[[nodiscard]] std::vector<UsualChange> usual_changes(std::span<const LayerPair> pairs);
/// The same for two checkpoints. Layers are paired by key; those of different shape are left out.
[[nodiscard]] std::vector<UsualChange> usual_changes(const std::vector<LayerRow>& a,
                                                     const std::vector<LayerRow>& b);

/// The percentile of |change| of the mean of a metric; NaN without reference values.
[[nodiscard]] double change_percentile(std::string_view metric, double change);

/// What ordering models by a metric is worth, in a sentence or two.
[[nodiscard]] std::string worth_text(std::string_view metric);

}  // namespace wishart::analysis
