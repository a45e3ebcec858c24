/// @file
/// The verdict of a gate, on planted records.

#include <string>

#include <catch2/catch.hpp>

#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/record/fit_counts.hpp"

#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

TEST_CASE("the verdict of a gate", "[verdict]") {
  const auto verdict_of_rules = [](const std::vector<RuleVerdict>& rules) {
    return verdict_of(rules, quiet());
  };
  CHECK(told(verdict_of_rules({rule(true), rule(true)})) == "good: Passed: all 2 rules are kept.");
  const Verdict failed = verdict_of_rules({rule(true), rule(false)});
  CHECK(told(failed) == "bad: Failed: 1 of 2 rules is broken.");
  CHECK(failed.reasons[0].text ==
        "rank stays (tuned): rank must be at least 4. Worst: a.mlp with 2.");
  CHECK(failed.reasons[0].anchor == "sec-rules");
  const Verdict limited = verdict_of_rules({rule(true), rule(true), rule(true, "no loss")});
  CHECK(limited.level == Level::good);
  CHECK(has_reason(limited, "rank stays: no loss."));
  CHECK(told(verdict_of_rules({rule(true, "no loss")})) ==
        "unknown: Passed, but no rule could judge anything.");
  CHECK(verdict_of_rules({}).level == Level::unknown);
}

TEST_CASE("kept rules do not make good what the report calls useless or unknown", "[verdict]") {
  const std::vector<RuleVerdict> kept{rule(true), rule(true)};
  CheckpointRecord flat = sample_checkpoint();
  for (LayerRow& row : flat.layers) row.status = kNoTail;
  const Verdict unknown = verdict_of(kept, verdict_of(flat));
  CHECK(told(unknown) ==
        "unknown: Passed: all 2 rules are kept. But nothing is known of the quality of tuned.");
  CHECK(unknown.reasons.at(0).text ==
        "The report on tuned: No layer has a warning, but none has a power-law tail either, so "
        "nothing is known of their quality.");
  CheckpointRecord zero = with_warning("rank-collapse");
  for (LayerRow& row : zero.layers) row.matrix_rank = 0;
  const Verdict useless = verdict_of(kept, verdict_of(zero));
  CHECK(told(useless) == "bad: Passed: all 2 rules are kept. But do not use tuned.");
  CHECK(has_reason(useless, "The report on tuned: Do not use it: all 3 layers are zero."));
  CHECK(told(verdict_of({rule(true, "no loss")}, verdict_of(zero))) ==
        "bad: Passed, but no rule could judge anything. But do not use tuned.");
  // What rules allow, a layer with a warning among them, is theirs to say.
  CHECK(verdict_of(kept, verdict_of(with_warning("like-noise"))).level == Level::good);
  // A broken rule stays what it is.
  CHECK(told(verdict_of({rule(false)}, verdict_of(flat))) ==
        "bad: Failed: 1 of 1 rules is broken.");
}

TEST_CASE("rules that held stages of two modes against each other are not sure", "[verdict]") {
  std::vector<RuleVerdict> rules{rule(true), rule(true)};
  rules[1].notes = {"a was analysed in mode x, b in mode y"};
  const Verdict verdict = verdict_of(rules, quiet());
  CHECK(told(verdict) ==
        "unknown: Passed: all 2 rules are kept. But it was held against what may not be "
        "comparable.");
  CHECK(has_reason(verdict, "rank stays: a was analysed in mode x, b in mode y."));
  rules[0] = rule(false);
  CHECK(verdict_of(rules, quiet()).level == Level::bad);
}

TEST_CASE("the worst layer of a broken rule is seen to be outside", "[verdict]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].alpha = 3.12304;
  Rule rule;
  rule.name = "alpha";
  rule.metric = "alpha";
  rule.max = 3.123;
  CHECK(has_reason(verdict_of(judge({rule}, {record}, false), quiet()),
                   "Worst: a.mlp with 3.12304."));
}

TEST_CASE("a gate of which one rule saw anything is not good, and idle rules are counted",
          "[verdict]") {
  const auto told_of = [](const std::vector<RuleVerdict>& rules) {
    return told(verdict_of(rules, quiet()));
  };
  const RuleVerdict idle = rule(true, "there is no checkpoint before it to compare with");
  CHECK(told_of({rule(true), idle, idle}) ==
        "unknown: Passed: all 3 rules are kept. 2 of them judged nothing.");
  CHECK(told_of({rule(true), rule(true), idle}) ==
        "good: Passed: all 3 rules are kept. 1 of them judged nothing.");
  RuleVerdict part = rule(true, "1 of 3 layers has no value");
  part.judged = 2;
  part.unknown = 1;
  CHECK(told_of({part, part}) == "good: Passed: all 2 rules are kept.");
  CHECK(told_of({part}) == "good: Passed: the only rule is kept.");
  part.judged = 0;
  part.unknown = 3;
  CHECK(told_of({part}) == "unknown: Passed, but no rule could judge anything.");
}

TEST_CASE("a gate on half a model says so, whatever the rules are", "[verdict]") {
  Verdict judged = quiet();
  judged.incomplete = "tuned is incomplete: it has 4 of the 8 layers of its run.";
  const Verdict kept = verdict_of({rule(true), rule(true)}, judged);
  CHECK(told(kept) == "attention: Passed: all 2 rules are kept. But it is incomplete.");
  CHECK(has_reason(kept, judged.incomplete));
  const Verdict broken = verdict_of({rule(true), rule(false)}, judged);
  CHECK(told(broken) == "bad: Failed: 1 of 2 rules is broken.");
  CHECK(has_reason(broken, judged.incomplete));
}

TEST_CASE("a gate on a checkpoint of which a part may be old says so", "[verdict][old-layers]") {
  Verdict judged = quiet();
  judged.old_layers = "2 of the 8 matrices of tuned are old.";
  const Verdict kept = verdict_of({rule(true), rule(true)}, judged);
  CHECK(told(kept) == "attention: Passed: all 2 rules are kept. But a part of it may be old.");
  CHECK(has_reason(kept, judged.old_layers));
  CHECK(told(verdict_of({rule(false)}, judged)) == "bad: Failed: 1 of 1 rules is broken.");
}
