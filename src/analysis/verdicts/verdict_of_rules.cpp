/// @file
/// The verdict of a gate on all its rules.

#include <algorithm>
#include <utility>

#include "wishart/analysis/gate.hpp"
#include "wishart/core/plural.hpp"

#include "words/layer_words.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kOfRules = "sec-rules";

/// Of a model that its report calls useless, or of which it knows nothing, kept rules say only that
/// nothing was broken (docs/decisions/079-kept-rules-are-not-surer.md).
/// @return whether it repeats the report's sentence
bool hold_against(Verdict& verdict, const std::string& stage, const Verdict& judged) {
  const bool useless = judged.level == Level::bad;
  const bool nothing_known = judged.level == Level::unknown && verdict.level == Level::good;
  if (!useless && !nothing_known) return false;
  verdict.level = judged.level;
  verdict.sentence += useless ? " But do not use " + named(stage) + "."
                              : " But nothing is known of the quality of " + named(stage) + ".";
  add_reason(verdict, "The report on " + named(stage) + ": " + judged.sentence, "");
  return true;
}

bool is_calm(const Verdict& verdict) {
  return verdict.level == Level::good || verdict.level == Level::unknown;
}

/// Adds a reason for attention. A verdict that is not calm is grave enough without its sentence.
void hold(Verdict& verdict, bool calm, const std::string& text, const char* but) {
  if (calm) verdict.level = Level::attention, verdict.sentence += but;
  add_reason(verdict, text, "");
}

/// That half a model was judged, or one of which a part may be old. Where no rule says so, it is
/// attention at best.
void hold_against_run(Verdict& verdict, const Verdict& judged) {
  const bool calm = is_calm(verdict);
  if (!judged.incomplete.empty()) hold(verdict, calm, judged.incomplete, " But it is incomplete.");
  if (!judged.old_layers.empty()) {
    hold(verdict, calm, judged.old_layers, " But a part of it may be old.");
  }
}

/// What was pruned has to be evaluated, whatever the rules say (docs/decisions/123).
void hold_pruned(Verdict& verdict, const std::vector<RuleVerdict>& verdicts) {
  const auto found = std::find_if(verdicts.begin(), verdicts.end(),
                                  [](const RuleVerdict& one) { return !one.pruned.empty(); });
  if (found == verdicts.end()) return;
  hold(verdict, is_calm(verdict), found->pruned + ". Evaluate it.", " But it was pruned.");
}

/// Whether a rule was kept because there was nothing to judge or to compare. One of which some
/// layers have a value did judge these.
bool is_idle(const RuleVerdict& one) {
  return one.passed && !one.caveat.empty() && (one.judged == 0 || one.unknown == 0);
}

/// Level and sentence where all rules were kept.
void judge_kept(Verdict& verdict, const std::vector<RuleVerdict>& verdicts) {
  const auto all = std::ssize(verdicts);
  const auto idle = std::count_if(verdicts.begin(), verdicts.end(), is_idle);
  if (idle == all) {
    verdict.sentence = "Passed, but no rule could judge anything.";
    return;
  }
  // What a single rule of several saw is too little to call anything good.
  verdict.level = idle > 0 && idle + 1 == all ? Level::unknown : Level::good;
  verdict.sentence = all == 1 ? "Passed: the only rule is kept."
                              : "Passed: all " + std::to_string(all) + " rules are kept.";
  if (idle > 0) verdict.sentence += " " + std::to_string(idle) + " of them judged nothing.";
  const auto doubtful = std::find_if(verdicts.begin(), verdicts.end(),
                                     [](const RuleVerdict& one) { return !one.doubt.empty(); });
  if (doubtful == verdicts.end()) return;
  verdict.level = Level::unknown;
  verdict.sentence += " But " + doubtful->doubt + ": wishart check reads the weights.";
}

/// That a rule without another stage did not see all of the model.
void tell_left_out(Verdict& verdict, const std::string& stage, const Verdict& judged) {
  if (judged.left_out == 0) return;
  add_reason(verdict, "Of " + named(stage) + ", " + left_out_text(judged.left_out) + ".", "");
}

}  // namespace

Verdict verdict_of(const std::vector<RuleVerdict>& verdicts, const Verdict& judged) {
  Verdict verdict;
  std::vector<const RuleVerdict*> broken;
  std::vector<const RuleVerdict*> limited;
  const RuleVerdict* doubtful = nullptr;  // the first that passed on what may not be comparable
  for (const RuleVerdict& one : verdicts) {
    if (!one.passed) broken.push_back(&one);
    if (one.passed && !one.caveat.empty()) limited.push_back(&one);
    if (one.passed && !one.notes.empty() && doubtful == nullptr) doubtful = &one;
  }
  const std::string all = std::to_string(verdicts.size());
  if (verdicts.empty()) {
    verdict.sentence = "Nothing can be said: no rule was applied.";
    return verdict;
  }
  if (!broken.empty()) {
    verdict.level = Level::bad;
    verdict.sentence = "Failed: " + std::to_string(broken.size()) + " of " + all + " rules " +
                       is_are(std::ssize(broken)) + " broken.";
  } else {
    judge_kept(verdict, verdicts);
  }
  if (doubtful != nullptr && verdict.level == Level::good) {
    verdict.level = Level::unknown;
    verdict.sentence += " But it was held against what may not be comparable.";
  }
  const bool repeated = broken.empty() && hold_against(verdict, verdicts.back().stage, judged);
  hold_against_run(verdict, judged);
  hold_pruned(verdict, verdicts);
  for (const RuleVerdict* one : broken) {
    std::string text =
        named(one->rule) + " (" + named(one->stage) + "): " + printable(one->text, 4 * kMostOfName);
    std::vector<std::string> figures;
    if (!one->violations.empty() && !one->violations.front().key.empty()) {
      figures.emplace_back("fig-rules");
      text += ". Worst: " + named(one->violations.front().key) + " with " +
              violation_text(*one, one->violations.front());
    }
    add_reason(verdict, text + (text.ends_with('.') ? "" : "."), kOfRules, std::move(figures));
  }
  if (doubtful != nullptr) {
    add_reason(verdict,
               named(doubtful->rule) + ": " + printable(doubtful->notes.front(), kMostOfName) + ".",
               kOfRules);
  }
  if (!repeated) tell_left_out(verdict, verdicts.back().stage, judged);
  for (const RuleVerdict* one : limited) {
    add_reason(verdict, named(one->rule) + ": " + one->caveat + ".", kOfRules);
  }
  return verdict;
}

}  // namespace wishart::analysis
