#include "wishart/analysis/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/analysis/share.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/analysed.hpp"
#include "wishart/record/recorded_loss.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kAdvice = "advice";

bool matches(const std::vector<std::string>& globs, const std::string& text) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return glob_match(glob, text);
         });
}

bool is_meant(const Rule& rule, const std::string& key, const std::string& role,
              std::int64_t block) {
  const bool in_blocks =
      rule.blocks.empty() ||
      std::any_of(rule.blocks.begin(), rule.blocks.end(),
                  [&](const auto& range) { return block >= range.first && block <= range.second; });
  return in_blocks && matches(rule.roles, role) && matches(rule.layers, key);
}

bool is_comparison(const std::string& metric) {
  return metric == "moved" || metric == "error_ratio" || metric == "alpha_z" ||
         metric == "missing" || metric == "added";
}

bool is_of_checkpoint(const std::string& metric) {
  return metric == kAdvice || metric == "loss" || metric == "eval_loss";
}

/// A stage, and what was recorded before it: at the checkpoint before and at the stage before.
struct Stage {
  const CheckpointRecord& record;
  std::array<const TrainingState*, 2> before;
};

double recorded(const TrainingState& training, const std::string& metric) {
  return metric == "loss" ? training.loss : training.eval_loss;
}

/// The value of one layer of a comparison; NaN if the metric is not defined for it.
double comparison_value(const std::string& metric, const ComparisonRow& row) {
  if (metric == "missing") return row.status == "removed" || row.status == "reshaped" ? 1 : 0;
  if (metric == "added") return row.status == "added" ? 1 : 0;
  if (metric == "moved") return row.moved;
  if (metric == "error_ratio") return row.error_ratio;
  // Unchanged weights have the same alpha, and no error to divide by.
  return row.status == "same" ? 0 : row.alpha_z;
}

double measured(Measure measure, double here, double other) {
  return measure == Measure::ratio ? here / other : difference_of(other, here);
}

/// All layers selected by the rule, with their values.
std::vector<Violation> values_of(const Rule& rule, const CheckpointRecord& stage,
                                 const CheckpointRecord* other) {
  std::vector<Violation> out;
  if (is_comparison(rule.metric)) {
    for (const ComparisonRow& row : compare(*other, stage).rows) {
      if (!is_meant(rule, row.key, row.role, row.block)) continue;
      const bool both = row.status != "added" && row.status != "removed";
      if (!both && rule.metric != "missing" && rule.metric != "added") continue;
      const double value = comparison_value(rule.metric, row);
      out.push_back({row.key, row.role, row.block, value, kNan, kNan});
    }
    return out;
  }
  std::unordered_map<std::string, const LayerRow*> others;
  if (other != nullptr) {
    for (const LayerRow& row : other->layers) others.emplace(row.key, &row);
  }
  for (const LayerRow& row : stage.layers) {
    if (!is_meant(rule, row.key, row.role, row.block)) continue;
    Violation one{row.key, row.role, row.block, metric_value(row, rule.metric), kNan, kNan};
    one.here = one.value;
    if (other != nullptr) {
      const auto found = others.find(row.key);
      if (found == others.end()) continue;  // the metric `added` reports these
      one.other = metric_value(*found->second, rule.metric);
      one.value = measured(rule.measure, one.here, one.other);
    }
    out.push_back(std::move(one));
  }
  return out;
}

/// The distance from the rule's bounds; 0 inside.
double excess(const Rule& rule, double value) {
  if (value < rule.min) return rule.min - value;
  if (value > rule.max) return value - rule.max;
  return 0;
}

/// A value with four digits, or as many more as it takes to see on which side of a bound it is.
std::string found_text(const Rule& rule, double value) {
  constexpr int kDigits = 4;
  constexpr int kAllDigits = 17;
  if (!std::isfinite(value)) return shortest(value);
  for (int digits = kDigits; digits < kAllDigits; ++digits) {
    std::string text = rounded(value, digits);
    if ((excess(rule, std::strtod(text.c_str(), nullptr)) > 0) == (excess(rule, value) > 0)) {
      return text;
    }
  }
  return shortest(value);
}

std::string bounds_text(const Rule& rule) {
  const bool low = std::isfinite(rule.min);
  const bool high = std::isfinite(rule.max);
  if (low && high) return "from " + shortest(rule.min) + " to " + shortest(rule.max);
  return low ? "at least " + shortest(rule.min) : "at most " + shortest(rule.max);
}

/// `alpha`, `the change of alpha`, `the ratio of alpha`.
/// @param of  what is taken of the metric: `the mean `
std::string value_text(const Rule& rule, const std::string& of = "") {
  std::string text = of + printable(rule.metric);
  if (rule.against == Against::nothing || is_comparison(rule.metric)) return text;
  return (rule.measure == Measure::ratio ? "the ratio of " : "the change of ") + text;
}

std::string subject_of(const Rule& rule) {
  switch (rule.statistic) {
    case Statistic::mean:
      return value_text(rule, "the mean ");
    case Statistic::median:
      return value_text(rule, "the median ");
    case Statistic::share: {
      std::vector<std::string> limits;
      if (std::isfinite(rule.below)) limits.push_back("below " + shortest(rule.below));
      if (std::isfinite(rule.above)) limits.push_back("above " + shortest(rule.above));
      return "the share of layers with " + value_text(rule) + " " + join(limits, " or ");
    }
    case Statistic::paired:
      return "the mean of " + value_text(rule) + " over the layers";
    case Statistic::each:
      break;
  }
  return value_text(rule);
}

/// The judgement if no layer is outside.
std::string all_within_text(std::int64_t layers) {
  if (layers == 0) return "no layer matches";
  if (layers == 1) return "the only layer is within bounds";
  return "all " + std::to_string(layers) + " layers are within bounds";
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
  verdict.text += outside == 0 ? all_within_text(all)
                               : std::to_string(outside) + " of " + std::to_string(all) +
                                     " layers " + (outside == 1 ? "is" : "are") + " outside, " +
                                     std::to_string(verdict.allowed) + " allowed";
}

void judge_statistic(const Rule& rule, const std::vector<Violation>& values, RuleVerdict& verdict) {
  std::vector<double> numbers;
  for (const Violation& one : values) {
    (std::isfinite(one.value) ? verdict.judged : verdict.unknown) += 1;
    numbers.push_back(one.value);
  }
  Violation whole;
  whole.value =
      rule.statistic == Statistic::mean ? mean_of(numbers).value : median_of(std::move(numbers));
  verdict.passed = !std::isnan(whole.value) && excess(rule, whole.value) == 0;
  verdict.text = subject_of(rule) + " must be " + bounds_text(rule) + ", found " +
                 found_text(rule, whole.value);
  if (!verdict.passed) verdict.violations.push_back(std::move(whole));
}

void judge_share(const Rule& rule, std::vector<Violation>&& values, RuleVerdict& verdict) {
  std::vector<Violation> counted;
  for (Violation& one : values) {
    (std::isfinite(one.value) ? verdict.judged : verdict.unknown) += 1;
    if (one.value > rule.above || one.value < rule.below) counted.push_back(std::move(one));
  }
  const auto count = static_cast<std::int64_t>(counted.size());
  const double share = share_of(count, verdict.judged).value;
  verdict.passed = !std::isnan(share) && excess(rule, share) == 0;
  verdict.text = subject_of(rule) + " must be " + bounds_text(rule) + ", found " +
                 rounded(share, 3) + ": " + std::to_string(count) + " of " +
                 std::to_string(verdict.judged);
  if (verdict.passed) return;
  std::sort(counted.begin(), counted.end(), [](const Violation& a, const Violation& b) {
    if (a.value != b.value) return std::abs(a.value) > std::abs(b.value);
    return natural_less(a.key, b.key);
  });
  verdict.violations = std::move(counted);
}

/// Fails only if the whole interval of the mean change is outside the bounds.
void judge_paired(const Rule& rule, const std::vector<Violation>& values, RuleVerdict& verdict) {
  std::vector<double> before;
  std::vector<double> after;
  for (const Violation& one : values) {
    (std::isfinite(one.here) && std::isfinite(one.other) ? verdict.judged : verdict.unknown) += 1;
    before.push_back(one.other), after.push_back(one.here);
  }
  const PairedRow change = paired_change(before, after);
  const bool sure = std::isfinite(change.low);
  const double low = sure ? change.low : change.mean;
  const double high = sure ? change.high : change.mean;
  verdict.passed = !std::isnan(change.mean) && !(high < rule.min) && !(low > rule.max);
  verdict.text =
      subject_of(rule) + " must be " + bounds_text(rule) + ", found " + rounded(change.mean, 4);
  if (sure) verdict.text += " (95 %: " + rounded(low, 4) + " to " + rounded(high, 4) + ")";
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

void judge_layers(const Rule& rule, const CheckpointRecord& stage, const CheckpointRecord* other,
                  RuleVerdict& verdict) {
  std::vector<Violation> values = values_of(rule, stage, other);
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
  const Provenance& about = stage.provenance;
  verdict.stage = about.checkpoint_id;
  if (!is_whole(about.analysis)) verdict.about = analysis_text(about.analysis, about.base_path);
  if (other != nullptr) verdict.other = other->provenance.checkpoint_id;
  if (rule.metric == kAdvice) {
    judge_advice(rule, run, verdict);
  } else if (is_of_checkpoint(rule.metric)) {
    judge_loss(rule, of, other, verdict);
  } else {
    judge_layers(rule, stage, other, verdict);
    if (other != nullptr) {
      verdict.notes =
          notes_on(other->provenance, about, printable(verdict.other), printable(verdict.stage));
    }
  }
  if (verdict.passed && verdict.unknown > 0 && !is_of_checkpoint(rule.metric)) {
    verdict.caveat = std::to_string(verdict.unknown) + " of " +
                     std::to_string(verdict.judged + verdict.unknown) +
                     (verdict.unknown == 1 ? " layers has no value" : " layers have no value");
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
    if (is_comparison(rule.metric)) {
      if (rule.against == Against::nothing) {
        throw Error(Blame::usage, name + rule.metric + " needs another stage: against = first");
      }
    } else if (!is_of_checkpoint(rule.metric)) {
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
                               const Conclusion& run, std::span<const TrainingState> before) {
  check_rules(rules, stages.size());
  std::vector<RuleVerdict> verdicts;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Stage stage{stages[i],
                      {i < before.size() ? &before[i] : nullptr,
                       i > 0 ? &stages[i - 1].provenance.training : nullptr}};
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
        verdicts.push_back(judged(rule, stage, &stages[other], run));
      } else if (stages.size() == 1) {
        verdicts.push_back(not_compared(rule, stages[i], nullptr));
      }
    }
  }
  return verdicts;
}

bool needs_advice(const Rule& rule) { return rule.metric == kAdvice; }

bool is_of_loss(const Rule& rule) { return is_of_checkpoint(rule.metric) && !needs_advice(rule); }

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
