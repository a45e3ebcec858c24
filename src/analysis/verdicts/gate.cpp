#include "wishart/analysis/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/analysis/share.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/analysed.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "comparisons/few_bits.hpp"
#include "comparisons/pruned.hpp"
#include "verdicts/gate_text.hpp"
#include "verdicts/gate_values.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kErrorRatio = "error_ratio";

/// A stage, and what was recorded before it: at the checkpoint before and at the stage before.
struct Stage {
  const CheckpointRecord& record;
  std::array<const TrainingState*, 2> before;
  const KnownErrors& known;  ///< against the first stage
};

/// Nothing was measured.
const KnownErrors kNothing;

double recorded(const TrainingState& training, const std::string& metric) {
  return metric == "loss" ? training.loss : training.eval_loss;
}

/// The judgement if no layer is outside.
std::string all_within_text(const RuleVerdict& verdict) {
  const std::int64_t judged = verdict.judged;
  if (judged + verdict.unknown == 0) return "no layer matches";
  if (judged == 0) return "no layer has a value";
  const std::string with_value = verdict.unknown > 0 ? " with a value" : "";
  if (judged == 1) return "the only layer" + with_value + " is within bounds";
  return "all " + std::to_string(judged) + " layers" + with_value + " are within bounds";
}

void judge_each(const Rule& rule, std::vector<Violation>&& values, RuleVerdict& verdict) {
  for (Violation& one : values) {
    const bool unknown = std::isnan(one.value);
    (unknown ? verdict.unknown : verdict.judged) += 1;
    if (unknown ? rule.unknown_fails : excess(rule, one.value) > 0) {
      verdict.violations.push_back(std::move(one));
    }
  }
  const auto rank = [&](const Violation& v) {
    return std::isnan(v.value) ? std::numeric_limits<double>::infinity() : excess(rule, v.value);
  };
  std::sort(verdict.violations.begin(), verdict.violations.end(),
            [&](const Violation& a, const Violation& b) {
              if (rank(a) != rank(b)) return rank(a) > rank(b);
              return natural_less(a.key, b.key);
            });
  verdict.allowed = std::max(
      rule.allow, static_cast<std::int64_t>(std::floor(
                      rule.allow_share * static_cast<double>(verdict.judged + verdict.unknown))));
  const auto outside = static_cast<std::int64_t>(verdict.violations.size());
  verdict.passed = outside <= verdict.allowed;
  const std::int64_t all = verdict.judged + verdict.unknown;
  verdict.text = subject_of(rule) + " must be " + bounds_text(rule) + ": ";
  verdict.text += outside == 0 ? all_within_text(verdict)
                               : std::to_string(outside) + " of " + std::to_string(all) +
                                     " layers " + is_are(outside) + " outside, " +
                                     std::to_string(verdict.allowed) + " allowed";
}

/// The mean of all values but NaN, of which an infinite one makes an infinite mean; NaN if they are
/// infinite on both sides. Other means leave infinities out, but one is out of bounds.
double mean_with_infinities(const std::vector<double>& values) {
  double infinities = 0;
  for (const double value : values) {
    if (std::isinf(value)) infinities += value;
  }
  return infinities == 0 ? mean_of(values).value : infinities;
}

/// The median of all values but NaN; NaN if it lies between two infinities.
double median_with_infinities(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return kNan;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  if (values.size() % 2 == 1 || values[half - 1] == values[half]) return values[half];
  return (values[half - 1] + values[half]) / 2;
}

void judge_statistic(const Rule& rule, const std::vector<Violation>& values, RuleVerdict& verdict) {
  std::vector<double> numbers;
  for (const Violation& one : values) {
    (std::isnan(one.value) ? verdict.unknown : verdict.judged) += 1;
    numbers.push_back(one.value);
  }
  Violation whole;
  whole.value = rule.statistic == Statistic::mean ? mean_with_infinities(numbers)
                                                  : median_with_infinities(std::move(numbers));
  verdict.passed = !std::isnan(whole.value) && excess(rule, whole.value) == 0;
  verdict.text = subject_of(rule) + " must be " + bounds_text(rule) + ", found " +
                 found_text(rule, whole.value);
  if (!verdict.passed) verdict.violations.push_back(std::move(whole));
}

void judge_share(const Rule& rule, std::vector<Violation>&& values, RuleVerdict& verdict) {
  constexpr int kDigitsOfShare = 3;
  std::vector<Violation> counted;
  for (Violation& one : values) {
    (std::isnan(one.value) ? verdict.unknown : verdict.judged) += 1;
    if (one.value > rule.above || one.value < rule.below) counted.push_back(std::move(one));
  }
  const auto count = static_cast<std::int64_t>(counted.size());
  const double share = share_of(count, verdict.judged).value;
  verdict.passed = !std::isnan(share) && excess(rule, share) == 0;
  verdict.text = subject_of(rule) + " must be " + bounds_text(rule) + ", found " +
                 found_text(rule, share, kDigitsOfShare) + ": " + std::to_string(count) + " of " +
                 std::to_string(verdict.judged);
  if (verdict.passed) return;
  std::sort(counted.begin(), counted.end(), [](const Violation& a, const Violation& b) {
    if (std::abs(a.value) != std::abs(b.value)) return std::abs(a.value) > std::abs(b.value);
    return natural_less(a.key, b.key);
  });
  verdict.violations = std::move(counted);
}

/// Fails only if the whole interval of the mean change is outside the bounds.
void judge_paired(const Rule& rule, const std::vector<Violation>& values, RuleVerdict& verdict) {
  require(rule.measure == Measure::difference, "a paired change is one of differences");
  std::vector<double> before;
  std::vector<double> after;
  std::vector<double> changes;
  for (const Violation& one : values) {
    (std::isnan(one.value) ? verdict.unknown : verdict.judged) += 1;
    before.push_back(one.other), after.push_back(one.here), changes.push_back(one.value);
  }
  PairedRow change = paired_change(before, after);
  if (const double mean = mean_with_infinities(changes); !std::isfinite(mean)) {
    change.mean = mean;
    change.low = change.high = kNan;
  }
  const bool sure = std::isfinite(change.low);
  const double low = sure ? change.low : change.mean;
  const double high = sure ? change.high : change.mean;
  verdict.passed = !std::isnan(change.mean) && !(high < rule.min) && !(low > rule.max);
  verdict.text = subject_of(rule) + " must be " + bounds_text(rule) + ", found " +
                 found_text(rule, change.mean);
  if (sure) {
    verdict.text += " (95 %: " + found_text(rule, low) + " to " + found_text(rule, high) + ")";
  }
  if (verdict.passed) return;
  Violation whole;
  whole.value = change.mean;
  verdict.violations.push_back(std::move(whole));
}

void judge_advice(const Rule& rule, const Conclusion& run, RuleVerdict& verdict) {
  const std::string found(advice_name(run.advice));
  verdict.judged = 1;
  verdict.passed = std::find(rule.advices.begin(), rule.advices.end(), found) != rule.advices.end();
  verdict.text = "the advice must be " + join(rule.advices, " or ") + ", found " + found;
  if (verdict.passed && run.advice == Advice::unknown) {
    verdict.caveat = "no advice can be given on the run";
    if (!run.same_as.empty()) {
      verdict.caveat += ": its last checkpoint has the weights of " + printable(run.same_as);
    }
  } else if (verdict.passed && run.advice == Advice::settled && run.basis == Basis::spectra) {
    verdict.caveat = "the spectra no longer change, but do not show whether the run still learns";
  }
  if (verdict.passed || run.reasons.empty()) return;
  verdict.text += ". " + join(run.reasons, " ");
  if (verdict.text.ends_with('.')) verdict.text.pop_back();
}

/// A loss as recorded, or its change. One that is not finite is within no bounds; one that was
/// carried forward is none of this stage.
void judge_loss(const Rule& rule, const Stage& stage, const CheckpointRecord* other,
                RuleVerdict& verdict) {
  Violation one;
  one.here = one.value = recorded(stage.record.provenance.training, rule.metric);
  const bool nonfinite = is_recorded_nonfinite(one.here);
  bool carried =
      std::any_of(stage.before.begin(), stage.before.end(), [&](const TrainingState* before) {
        return before != nullptr && is_carried(one.here, recorded(*before, rule.metric));
      });
  if (other != nullptr) {
    one.other = recorded(other->provenance.training, rule.metric);
    carried = carried || is_carried(one.here, one.other);
    const bool known = std::isfinite(one.other);
    if (!nonfinite) one.value = known ? measured(rule.measure, one.here, one.other) : kNan;
  }
  if (carried) one.value = kNan;
  const bool unknown = !nonfinite && std::isnan(one.value);
  (unknown ? verdict.unknown : verdict.judged) += 1;
  verdict.passed = unknown ? !rule.unknown_fails : !nonfinite && excess(rule, one.value) == 0;
  verdict.text = value_text(rule) + " must be " + bounds_text(rule) + ", " +
                 (carried   ? "not measured anew"
                  : unknown ? "not recorded"
                            : "found " + found_text(rule, one.value));
  if (verdict.passed && unknown) {
    verdict.caveat = carried ? "the loss was not measured anew" : "the loss is not recorded";
  }
  if (!verdict.passed) verdict.violations.push_back(std::move(one));
}

void judge_layers(const Rule& rule, const Stage& of, const CheckpointRecord* other,
                  RuleVerdict& verdict) {
  std::vector<Violation> values = values_of(rule, of.record, other, of.known);
  switch (rule.statistic) {
    case Statistic::each:
      judge_each(rule, std::move(values), verdict);
      break;
    case Statistic::mean:
    case Statistic::median:
      judge_statistic(rule, values, verdict);
      break;
    case Statistic::share:
      judge_share(rule, std::move(values), verdict);
      break;
    case Statistic::paired:
      judge_paired(rule, values, verdict);
      break;
  }
  if (verdict.judged < rule.min_layers) {
    verdict.passed = false;
    verdict.text += "; " + std::to_string(verdict.judged) + " layers have a value, expected " +
                    std::to_string(rule.min_layers);
  }
}

RuleVerdict judged(const Rule& rule, const Stage& of, const CheckpointRecord* other,
                   const Conclusion& run) {
  const CheckpointRecord& stage = of.record;
  RuleVerdict verdict;
  verdict.rule = rule.name;
  const bool of_share = rule.statistic == Statistic::share;
  verdict.least = of_share ? rule.below : rule.min;
  verdict.most = of_share ? rule.above : rule.max;
  const Provenance& about = stage.provenance;
  verdict.stage = about.checkpoint_id;
  if (!is_whole(about.analysis)) verdict.about = analysis_text(about.analysis, about.base_path);
  if (other != nullptr) verdict.other = other->provenance.checkpoint_id;
  if (needs_advice(rule)) {
    judge_advice(rule, run, verdict);
  } else if (is_of_checkpoint(rule)) {
    judge_loss(rule, of, other, verdict);
  } else {
    judge_layers(rule, of, other, verdict);
    if (rule.metric == kErrorRatio && verdict.passed && of.known.empty()) {
      verdict.doubt = few_bits_text(stage, *other);
    }
    if (other != nullptr) {
      verdict.notes =
          notes_on(other->provenance, about, printable(verdict.other), printable(verdict.stage));
    }
  }
  if (verdict.passed && verdict.unknown > 0 && !is_of_checkpoint(rule)) {
    verdict.caveat = std::to_string(verdict.unknown) + " of " +
                     std::to_string(verdict.judged + verdict.unknown) + " layers " +
                     has_have(verdict.unknown) + " no value";
  }
  if (!verdict.passed && !rule.reason.empty())
    verdict.text += ". Reason: " + printable(rule.reason);
  if (!verdict.notes.empty()) verdict.text += ". Note: " + join(verdict.notes, "; ");
  return verdict;
}

bool passes_alone(const Rule& rule) {
  return rule.against == Against::previous && rule.passes_alone;
}

/// True for the weights that a training begins with.
bool is_initial(const CheckpointRecord& stage) { return stage.provenance.training.step == 0; }

/// The verdict of a rule that passes if there is no trained checkpoint before.
RuleVerdict not_compared(const Rule& rule, const CheckpointRecord& stage,
                         const CheckpointRecord* initial) {
  RuleVerdict verdict;
  verdict.rule = rule.name;
  verdict.stage = stage.provenance.checkpoint_id;
  verdict.passed = true;
  verdict.text = initial == nullptr ? "there is no checkpoint before it"
                                    : "before it there are only the initial weights (step 0)";
  verdict.text += ", so nothing was compared; the rule allows this";
  verdict.caveat = initial == nullptr ? "there is no checkpoint before it to compare with"
                                      : "before it there are only the initial weights";
  if (initial != nullptr) verdict.other = initial->provenance.checkpoint_id;
  return verdict;
}

void check_rules(const std::vector<Rule>& rules, std::size_t stages) {
  for (const Rule& rule : rules) {
    const std::string name = "rule '" + printable(rule.name) + "': ";
    if (is_comparison(rule)) {
      if (rule.against == Against::nothing) {
        throw Error(Blame::usage, name + rule.metric + " needs another stage: against = first");
      }
    } else if (!is_of_checkpoint(rule)) {
      (void)metric_value(LayerRow{}, rule.metric);
    }
    if (rule.statistic == Statistic::paired && rule.against == Against::nothing) {
      throw Error(Blame::usage, name + "statistic = paired needs another stage: against = first");
    }
  }
  // Check for the base first: if it is named, the others have a previous stage too.
  for (const Against against : {Against::first, Against::previous}) {
    for (const Rule& rule : rules) {
      if (rule.against != against || stages >= 2 || passes_alone(rule)) continue;
      throw Error(Blame::usage,
                  "rule '" + printable(rule.name) +
                      (against == Against::first
                           ? "': compares with the base (against = first), but none is named. Name "
                             "it with --base"
                           : "': compares with the stage before, but there is only one stage. Name "
                             "the other with --base"));
    }
  }
}

}  // namespace

std::vector<RuleVerdict> judge(const std::vector<Rule>& rules,
                               const std::vector<CheckpointRecord>& stages, bool every_stage,
                               const Conclusion& run, std::span<const TrainingState> before,
                               const KnownErrors& known) {
  check_rules(rules, stages.size());
  const bool against_first = std::any_of(
      rules.begin(), rules.end(), [](const Rule& rule) { return rule.against == Against::first; });
  std::vector<RuleVerdict> verdicts;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Stage stage{stages[i],
                      {i < before.size() ? &before[i] : nullptr,
                       i > 0 ? &stages[i - 1].provenance.training : nullptr},
                      i > 0 && i + 1 == stages.size() ? known : kNothing};
    // What was pruned is compared with what it was. Between the stages of one training nothing is
    // pruned: a part that is gone is lost.
    const std::optional<Pruned> pruned =
        i > 0 && against_first ? pruned_from(stages[0], stages[i]) : std::nullopt;
    for (const Rule& rule : rules) {
      if (rule.against == Against::nothing) {
        const bool last = i + 1 == stages.size();
        if (last || (every_stage && !needs_advice(rule))) {
          verdicts.push_back(judged(rule, stage, nullptr, run));
        }
      } else if (i > 0) {
        const std::size_t other = rule.against == Against::first ? 0 : i - 1;
        if (passes_alone(rule) && is_initial(stages[other])) {
          verdicts.push_back(not_compared(rule, stages[i], &stages[other]));
          continue;
        }
        const bool of_pruned = pruned && rule.against == Against::first;
        verdicts.push_back(judged(rule, stage, of_pruned ? &pruned->a : &stages[other], run));
        if (of_pruned) {
          verdicts.back().pruned =
              printable(stages[0].provenance.checkpoint_id) + " was pruned: " + pruned->text;
        }
      } else if (stages.size() == 1) {
        verdicts.push_back(not_compared(rule, stages[i], nullptr));
      }
    }
  }
  return verdicts;
}

std::vector<StageChange> stage_changes(const std::vector<CheckpointRecord>& stages) {
  std::vector<StageChange> all;
  for (std::size_t i = 1; i < stages.size(); ++i) {
    if (!is_alike(stages[i - 1].provenance, stages[i].provenance)) continue;
    StageChange one{stages[i].provenance.checkpoint_id, stages[i - 1].provenance.checkpoint_id,
                    usual_changes(stages[i - 1].layers, stages[i].layers)};
    if (!one.changes.empty()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace wishart::analysis
