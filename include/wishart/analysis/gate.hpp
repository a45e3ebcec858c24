#pragma once

/// @file
/// Checks a checkpoint against rules.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/known_errors.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/analysis/rule.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

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
