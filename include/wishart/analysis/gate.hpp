#pragma once

/// @file
/// Rules that a checkpoint has to keep, and whether it does.

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// What a rule lays a value beside.
enum class Against : std::uint8_t {
  nothing,   ///< the value itself is judged
  first,     ///< the first stage: the base model
  previous,  ///< the stage before
};

/// How a value and that of the other stage become one number.
enum class Measure : std::uint8_t {
  difference,  ///< value - other
  ratio,       ///< value / other
};

/// What of the layers is judged.
enum class Statistic : std::uint8_t {
  each,  ///< every layer by itself
  mean,  ///< of the layers that are meant
  median,
};

/// `metric` of the layers that `roles`, `layers` and `blocks` all allow must lie in [min, max].
///
/// `metric` is one that metric_value knows, or, against another stage, one of: `moved` and
/// `alpha_z` of compare.hpp; `missing`, 1 for a layer of the other stage that is not in this one or
/// has another shape; `added`, 1 for a layer that the other does not have. These four are no
/// measure of two values, so `measure` does not count for them.
struct Rule {
  std::string name;
  std::string metric;
  std::vector<std::string> roles;                             ///< globs; empty: all
  std::vector<std::string> layers;                            ///< globs over keys; empty: all
  std::vector<std::pair<std::int64_t, std::int64_t>> blocks;  ///< from, to; empty: all
  Statistic statistic = Statistic::each;
  Against against = Against::nothing;
  Measure measure = Measure::difference;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::int64_t allow = 0;       ///< this many layers may lie outside
  double allow_share = 0;       ///< or this share of those judged, whichever is more
  std::int64_t min_layers = 1;  ///< fewer layers with a value fail the rule
  bool unknown_fails = false;   ///< a layer without a value counts as one outside
  bool passes_alone = false;    ///< against previous: passes where there is no stage before
  std::string reason;           ///< for people: what a failure means
};

/// A layer that lies outside, or the value of a statistic (without key).
struct Violation {
  std::string key;
  std::string role;
  std::int64_t block = -1;
  double value = kNan;  ///< that was judged
  double here = kNan;   ///< of this stage
  double other = kNan;  ///< of the stage that it was laid beside
};

/// What came of one rule at one stage.
struct RuleVerdict {
  std::string rule;
  std::string stage;  ///< checkpoint id
  std::string about;  ///< what the stage is, if it is no whole model: `difference to /base`
  std::string other;  ///< that of the stage it was laid beside; empty if none
  bool passed = false;
  std::int64_t judged = 0;   ///< layers with a value
  std::int64_t unknown = 0;  ///< layers without
  std::int64_t allowed = 0;
  std::vector<Violation> violations;  ///< furthest outside first
  std::string text;                   ///< a sentence: why
};

/// Judges every stage by every rule, stages in their order, rules in theirs. Rules against another
/// stage begin with the second stage; rules against nothing judge the last stage only, unless
/// there is `every_stage`.
/// @throws Error with Blame::usage if a metric is not known, or a rule against another stage finds
///   only one, unless it passes alone
[[nodiscard]] std::vector<RuleVerdict> judge(const std::vector<Rule>& rules,
                                             const std::vector<CheckpointRecord>& stages,
                                             bool every_stage);

}  // namespace wishart::analysis
