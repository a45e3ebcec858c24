#pragma once

/// @file
/// A rule for checkpoints: what it judges, and within which bounds.

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace wishart::analysis {

/// What a rule compares a value with.
enum class Against : std::uint8_t {
  nothing,   ///< the value itself is checked
  first,     ///< the first stage: the base model
  previous,  ///< the stage before
};

/// How a value and that of the other stage are combined.
enum class Measure : std::uint8_t {
  difference,  ///< value - other
  ratio,       ///< value / other
};

/// Which value of the layers is checked.
enum class Statistic : std::uint8_t {
  each,    ///< every layer separately
  mean,    ///< over the selected layers
  median,  ///< over the selected layers
  share,   ///< of the selected layers with a value above or below a limit
  paired,  ///< the mean difference of the selected layers, with its interval (paired.hpp)
};

/// `metric` of the layers selected by `roles`, `layers` and `blocks` together must be in [min,
/// max].
///
/// `metric` is one that metric_value knows; or one of the checkpoint (is_of_checkpoint); or,
/// against another stage, one of these, which compare already and take no `measure`:
///
/// - `moved`, `error_ratio`, `alpha_z` of compare.hpp;
/// - `moved_unasked`: `moved` of layers that an adapter on this base does not change;
/// - `cut`: the change of `log_norm`, or the lesser fall that elements set to zero explain, where
///   that was measured;
/// - `missing`: 1 for a layer of the other stage that is not in this one or has another shape;
/// - `added`: 1 for a layer that the other stage does not have;
/// - `misplaced`: 1 for a layer with the weights of another layer of the other stage;
/// - `rearranged`: 1 for a layer with its spectrum there, but other elements.
struct Rule {
  std::string name;
  std::string metric;
  std::vector<std::string> roles;                             ///< globs; empty: all
  std::vector<std::string> layers;                            ///< globs over keys; empty: all
  std::vector<std::pair<std::int64_t, std::int64_t>> blocks;  ///< from, to; empty: all
  Statistic statistic = Statistic::each;
  Against against = Against::nothing;
  Measure measure = Measure::difference;
  std::vector<std::string> advices;                         ///< words of advice_name
  double above = std::numeric_limits<double>::infinity();   ///< a share counts values above this
  double below = -std::numeric_limits<double>::infinity();  ///< and values below this
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::int64_t allow = 0;       ///< this many layers may be outside
  double allow_share = 0;       ///< or this share of the layers, whichever is more
  std::int64_t min_layers = 1;  ///< the rule fails if fewer layers have a value
  bool unknown_fails = false;   ///< a layer without a value counts as outside
  /// Against previous: passes if there is no previous stage, or only the initial weights (step 0).
  bool passes_alone = false;
  std::string reason;  ///< what a failure means, for the reader of the report
};

/// True for a rule that needs the conclusion of a run.
[[nodiscard]] bool needs_advice(const Rule& rule);
/// True for a rule about a recorded loss.
[[nodiscard]] bool is_of_loss(const Rule& rule);

/// True for a metric of a checkpoint, not of its layers.
[[nodiscard]] bool is_of_checkpoint(const Rule& rule);

/// True for a metric that compares two stages by itself.
[[nodiscard]] bool is_comparison(const Rule& rule);

}  // namespace wishart::analysis
