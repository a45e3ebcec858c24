#pragma once

/// @file
/// Checks a checkpoint against rules.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/known_errors.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/record/checkpoint_record.hpp"

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
/// against another stage, one of those below, which take no `measure`, as they compare already.
///
///   `moved` `error_ratio` `alpha_z`   columns of compare.hpp
///   `moved_unasked`                   `moved` of layers that an adapter on this base does not
///   change `cut`                             the change of `log_norm`, or the lesser fall that
///   elements set
///                                     to zero explain, where that was measured
///   `missing`                         1: the other stage has the layer, this one not, or reshaped
///   `added`                           1: the other stage does not have the layer
///   `misplaced`                       1: the layer has the weights of another of the other stage
///   `rearranged`                      1: the layer has its spectrum, but other elements
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

/// A layer outside of the bounds, or the value of a statistic (without key).
struct Violation {
  std::string key;
  std::string role;
  std::int64_t block = -1;
  double value = kNan;  ///< the value that was checked
  double here = kNan;   ///< of this stage
  double other = kNan;  ///< of the stage that it was compared with
};

/// The result of one rule at one stage.
struct RuleVerdict {
  std::string rule;
  std::string stage;  ///< checkpoint id
  std::string about;  ///< what the stage is, unless a whole model: `difference to /base`
  std::string other;  ///< checkpoint id of the stage it was compared with; empty if none
  bool passed = false;
  std::int64_t judged = 0;   ///< layers with a value
  std::int64_t unknown = 0;  ///< layers without
  std::int64_t allowed = 0;
  std::vector<Violation> violations;  ///< furthest outside first
  /// A layer is among them if its value is below `least` or above `most`, or not known.
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::string text;  ///< a sentence that gives the reason
  /// Why a rule that passed says less than it seems to, in words; empty if it does not.
  std::string caveat;
  /// Why all rules together say less than that they passed, in words; empty if they do not.
  std::string doubt;
  /// That the other stage was compared as if it had been pruned like this one, and of what, in
  /// words; empty if it was not.
  std::string pruned;
  /// Why the two stages may not be comparable (compare.hpp), whether it passed or not.
  std::vector<std::string> notes;
};

/// True for a rule that needs the conclusion of a run.
[[nodiscard]] bool needs_advice(const Rule& rule);
/// True for a rule about a recorded loss.
[[nodiscard]] bool is_of_loss(const Rule& rule);

/// True for a metric of a checkpoint, not of its layers.
[[nodiscard]] bool is_of_checkpoint(const Rule& rule);

/// True for a metric that compares two stages by itself.
[[nodiscard]] bool is_comparison(const Rule& rule);

/// The value of a violation with so many digits, or as many more as it takes to see that it is
/// outside.
[[nodiscard]] std::string violation_text(const RuleVerdict& verdict, const Violation& violation,
                                         int digits = 3);

/// Applies every rule to every stage, in the order of the stages, then of the rules. Rules against
/// another stage begin with the second stage. Rules against nothing check only the last stage,
/// unless `every_stage`. Rules on advice check only the last stage.
/// @param run  the conclusion of the run that ends at the last stage
/// @param before  of each stage, the losses of the checkpoint before it in its run, or unknown
/// ones.
///   A loss that is still that of the checkpoint or the stage before counts as not recorded
/// @param known  of `error_ratio` and `cut` of the last stage against the first: errors that were
/// measured. If there are any, other layers that changed have no `error_ratio`
/// @throws Error with Blame::usage if a metric is not known, or if there is only one stage for a
///   rule against another, unless it passes alone
[[nodiscard]] std::vector<RuleVerdict> judge(const std::vector<Rule>& rules,
                                             const std::vector<CheckpointRecord>& stages,
                                             bool every_stage, const Conclusion& run = {},
                                             std::span<const TrainingState> before = {},
                                             const KnownErrors& known = {});

/// How usual the change between two stages is.
struct StageChange {
  std::string stage;  ///< checkpoint id
  std::string other;  ///< that of the stage before
  std::vector<UsualChange> changes;
};

/// The changes from each stage to the next. Those without reference values are left out, and those
/// of stages whose numbers mean different things.
[[nodiscard]] std::vector<StageChange> stage_changes(const std::vector<CheckpointRecord>& stages);

}  // namespace wishart::analysis
