#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/analysis/gate.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "gate_samples.hpp"
#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

TEST_CASE("a rule passes inside its bounds and names the layers outside", "[gate]") {
  CheckpointRecord record = sample_checkpoint("tuned");
  const RuleVerdict within = verdict_of(alpha_rule(2, 6), {record});
  CHECK(within.passed);
  CHECK(within.text == "alpha must be from 2 to 6: all 3 layers are within bounds");
  record.layers[1].alpha = 1.5;
  record.layers[2].alpha = 9;
  const RuleVerdict verdict = verdict_of(alpha_rule(2, 6), {record});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.stage == "tuned");
  REQUIRE(verdict.violations.size() == 2);
  CHECK(verdict.violations[0].key == "c.mlp");  // 3 outside, before 0.5
  CHECK(verdict.violations[0].value == 9);
  CHECK(verdict.text == "alpha must be from 2 to 6: 2 of 3 layers are outside, 0 allowed");
  Rule with_reason = alpha_rule(2, 6);
  with_reason.reason = "look at the data";
  CHECK(verdict_of(with_reason, {record}).text == verdict.text + ". Reason: look at the data");
}

TEST_CASE("roles, layers and blocks choose the layers", "[gate]") {
  const CheckpointRecord record = sample_checkpoint();
  Rule rule = alpha_rule(10, 20);
  CHECK(verdict_of(rule, {record}).judged == 3);
  rule.roles = {"mlp.*"};
  CHECK(verdict_of(rule, {record}).judged == 2);
  rule.blocks = {{1, 2}};
  CHECK(verdict_of(rule, {record}).judged == 1);
  rule.layers = {"a.*"};
  const RuleVerdict none = verdict_of(rule, {record});
  CHECK(none.judged == 0);
  CHECK_FALSE(none.passed);  // a rule that finds nothing does not pass in silence
  CHECK(none.text.find("0 layers have a value, expected 1") != std::string::npos);
  rule.min_layers = 0;
  CHECK(verdict_of(rule, {record}).passed);
}

TEST_CASE("a number or a share of the layers may lie outside", "[gate]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].alpha = 7;
  Rule rule = alpha_rule(2, 6);
  CHECK_FALSE(verdict_of(rule, {record}).passed);
  rule.allow = 1;
  CHECK(verdict_of(rule, {record}).passed);
  rule.allow = 0;
  rule.allow_share = 0.33;  // 0.99 of a layer
  CHECK_FALSE(verdict_of(rule, {record}).passed);
  rule.allow_share = 0.34;
  CHECK(verdict_of(rule, {record}).passed);
}

TEST_CASE("a layer without a value is counted, and fails where the rule says so", "[gate]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].alpha = kNan;
  Rule rule = alpha_rule(2, 6);
  CHECK(verdict_of(rule, {record}).passed);
  CHECK(verdict_of(rule, {record}).unknown == 1);
  rule.unknown_fails = true;
  const RuleVerdict verdict = verdict_of(rule, {record});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.violations.at(0).key == "a.mlp");
}

TEST_CASE("a mean or median is judged as one value", "[gate]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].alpha = 12;
  Rule rule = alpha_rule(2, 4);
  rule.statistic = Statistic::mean;
  const RuleVerdict verdict = verdict_of(rule, {record});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.violations.at(0).value == 6);
  CHECK(verdict.text == "the mean alpha must be from 2 to 4, found 6");
  rule.statistic = Statistic::median;
  CHECK(verdict_of(rule, {record}).passed);
}

TEST_CASE("a share counts the layers beyond a limit", "[gate]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].alpha = 7;
  Rule rule = alpha_rule(-1, 0.3);
  rule.statistic = Statistic::share;
  rule.above = 6;
  const RuleVerdict verdict = verdict_of(rule, {record});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.text ==
        "the share of layers with alpha above 6 must be from -1 to 0.3, found 0.333: 1 of 3");
  REQUIRE(verdict.violations.size() == 1);
  CHECK(verdict.violations[0].key == record.layers[0].key);
  rule.max = 0.34;
  CHECK(verdict_of(rule, {record}).passed);
  rule.below = 6.5;
  CHECK(verdict_of(rule, {record}).text.find("below 6.5 or above 6") != std::string::npos);
  for (LayerRow& row : record.layers) row.alpha = kNan;
  CHECK_FALSE(verdict_of(rule, {record}).passed);  // a share of nothing
}

TEST_CASE("a paired change fails only if its whole interval is outside", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord tuned = sample_checkpoint("tuned");
  for (std::size_t i = 0; i < tuned.layers.size(); ++i) {
    tuned.layers[i].alpha += 1 + 0.01 * static_cast<double>(i);
  }
  Rule rule = alpha_rule(-0.5, 0.5);
  rule.statistic = Statistic::paired;
  rule.against = Against::first;
  const RuleVerdict verdict = verdict_of(rule, {base, tuned});
  CHECK_FALSE(verdict.passed);
  // Differences 1, 1.01, 1.02: mean 1.01, 4.3027 * 0.01 / sqrt(3) to each side.
  CHECK(verdict.text ==
        "the mean of the change of alpha over the layers must be from -0.5 to 0.5, found 1.01 "
        "(95 %: 0.9852 to 1.035)");
  tuned.layers[0].alpha -= 2;  // -1, 1.01, 1.02: the interval reaches far below
  CHECK(verdict_of(rule, {base, tuned}).passed);
  rule.against = Against::nothing;
  CHECK_THROWS_AS(judge({rule}, {base}, false), Error);
}

TEST_CASE("the advice on the run is a metric of the last stage", "[gate]") {
  const CheckpointRecord record = sample_checkpoint();
  Rule rule;
  rule.name = "r";
  rule.metric = "advice";
  rule.advices = {"going-on", "settled"};
  CHECK(needs_advice(rule));
  Conclusion run;
  run.advice = Advice::overfitting;
  run.reasons = {"The eval loss rises.", "Much."};
  RuleVerdict verdict = judge({rule}, {record, record}, true, run).at(0);
  CHECK(judge({rule}, {record, record}, true, run).size() == 1);
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.text ==
        "the advice must be going-on or settled, found overfitting. The eval loss "
        "rises. Much");
  run.advice = Advice::settled;
  CHECK(judge({rule}, {record}, false, run).at(0).passed);
  CHECK(judge({rule}, {record}, false, run).at(0).caveat.empty());
  run.basis = Basis::spectra;
  verdict = judge({rule}, {record}, false, run).at(0);
  CHECK(verdict.passed);
  CHECK(verdict.caveat ==
        "the spectra no longer change, but do not show whether the run still learns");
  CHECK_FALSE(judge({rule}, {record}, false).at(0).passed);  // unknown
  rule.advices.emplace_back("unknown");
  CHECK(judge({rule}, {record}, false).at(0).caveat == "no advice can be given on the run");
  Conclusion stale;
  stale.same_as = "step-1";
  CHECK(judge({rule}, {record}, false, stale).at(0).caveat ==
        "no advice can be given on the run: its last checkpoint has the weights of step-1");
}

TEST_CASE("recorded losses are metrics of a checkpoint", "[gate]") {
  CheckpointRecord before = sample_checkpoint("before");
  CheckpointRecord after = sample_checkpoint("after");
  before.provenance.training.eval_loss = 2;
  after.provenance.training.eval_loss = 2.5;
  Rule rule = alpha_rule(0, 2.25);
  rule.metric = "eval_loss";
  CHECK(verdict_of(rule, {after}).text == "eval_loss must be from 0 to 2.25, found 2.5");
  CHECK_FALSE(verdict_of(rule, {after}).passed);
  rule.against = Against::previous;
  rule.measure = Measure::ratio;
  rule.max = 1.2;
  CHECK(verdict_of(rule, {before, after}).text ==
        "the ratio of eval_loss must be from 0 to 1.2, found 1.25");
  rule.metric = "loss";
  CHECK(verdict_of(rule, {before, after}).passed);  // not recorded
  CHECK(verdict_of(rule, {before, after}).text.ends_with("not recorded"));
  rule.unknown_fails = true;
  CHECK_FALSE(verdict_of(rule, {before, after}).passed);
}

TEST_CASE("a loss that was carried forward is none of the stage", "[gate][losses]") {
  CheckpointRecord before = sample_checkpoint("before");
  CheckpointRecord after = sample_checkpoint("after");
  for (CheckpointRecord* record : {&before, &after}) record->provenance.training.eval_loss = 2.5;
  Rule rule = alpha_rule(0, 3);
  rule.metric = "eval_loss";
  CHECK(is_of_loss(rule));
  CHECK(verdict_of(rule, {after}).caveat.empty());
  const std::vector<TrainingState> past{before.provenance.training};
  for (const RuleVerdict& verdict :
       {verdict_of(rule, {before, after}), judge({rule}, {after}, false, {}, past).at(0)}) {
    CHECK(verdict.passed);
    CHECK(verdict.unknown == 1);
    CHECK(verdict.text == "eval_loss must be from 0 to 3, not measured anew");
    CHECK(verdict.caveat == "the loss was not measured anew");
  }
  rule.unknown_fails = true;
  CHECK_FALSE(verdict_of(rule, {before, after}).passed);
  for (const Against against : {Against::first, Against::previous}) {
    rule.against = against;
    CHECK(verdict_of(rule, {before, after}).text ==
          "the change of eval_loss must be from 0 to 3, not measured anew");
  }
}

TEST_CASE("a loss that is not finite is within no bounds", "[gate][losses]") {
  CheckpointRecord before = sample_checkpoint("before");
  CheckpointRecord after = sample_checkpoint("after");
  before.provenance.training.loss = 2;
  Rule rule = alpha_rule(0, std::numeric_limits<double>::infinity());
  rule.metric = "loss";
  for (const double loss : {kRecordedNan, std::numeric_limits<double>::infinity()}) {
    after.provenance.training.loss = loss;
    const std::string found = std::isnan(loss) ? "nan" : "inf";
    CHECK_FALSE(verdict_of(rule, {after}).passed);
    CHECK(verdict_of(rule, {after}).text == "loss must be at least 0, found " + found);
    Rule change = rule;
    change.against = Against::previous;
    CHECK_FALSE(verdict_of(change, {before, after}).passed);
    CHECK_FALSE(verdict_of(change, {after, after}).passed);
    CHECK(verdict_of(change, {after, before}).unknown == 1);
  }
}

TEST_CASE("rules that cannot be judged are refused", "[gate]") {
  const std::vector<CheckpointRecord> one{sample_checkpoint()};
  Rule rule = alpha_rule(2, 6);
  rule.against = Against::first;
  CHECK(error_of([&] { (void)judge({rule}, one, false); }) ==
        "2: rule 'alpha': compares with the base (against = first), but none is named. Name it "
        "with --base");
  rule.against = Against::nothing;
  rule.metric = "moved";
  CHECK(error_of([&] { (void)judge({rule}, one, false); }) ==
        "2: rule 'alpha': moved needs another stage: against = first");
  rule.metric = "alhpa";
  CHECK(error_of([&] { (void)judge({rule}, one, false); }).find("unknown metric 'alhpa'") !=
        std::string::npos);
}

TEST_CASE("a rise within rounding breaks no rule", "[gate]") {
  const CheckpointRecord before = sample_checkpoint("before");
  CheckpointRecord after = sample_checkpoint("after");
  for (LayerRow& row : after.layers) row.alpha *= 1 + 2e-16;
  REQUIRE(after.layers[0].alpha > before.layers[0].alpha);
  Rule rule = alpha_rule(-1, 0);
  rule.against = Against::first;
  CHECK(verdict_of(rule, {before, after}).passed);
}

TEST_CASE("an infinite value is judged, and out of bounds", "[gate]") {
  // null_spikes of a base of noise: 4 / 0, and one layer where neither has any, 0 / 0.
  CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord tuned = sample_checkpoint("tuned");
  for (LayerRow& row : base.layers) row.null_spikes = 0;
  for (LayerRow& row : tuned.layers) row.null_spikes = 4;
  tuned.layers[0].null_spikes = 0;
  Rule rule = alpha_rule(0, 0.5);
  rule.metric = "null_spikes";
  rule.against = Against::first;
  rule.measure = Measure::ratio;
  rule.statistic = Statistic::share;
  rule.above = 1.5;
  const RuleVerdict share = verdict_of(rule, {base, tuned});
  CHECK_FALSE(share.passed);
  CHECK(share.judged == 2);
  CHECK(share.unknown == 1);
  CHECK(share.text ==
        "the share of layers with the ratio of null_spikes above 1.5 must be from 0 to 0.5, found "
        "1: 2 of 2");
  for (const Statistic statistic : {Statistic::mean, Statistic::median}) {
    rule.statistic = statistic;
    const RuleVerdict verdict = verdict_of(rule, {base, tuned});
    CHECK_FALSE(verdict.passed);
    CHECK(verdict.judged == 2);
    CHECK(verdict.text.ends_with("must be from 0 to 0.5, found inf"));
  }
  rule.statistic = Statistic::each;
  CHECK(verdict_of(rule, {base, tuned}).violations.size() == 2);
}

TEST_CASE("a paired change is never one of ratios", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  Rule rule = alpha_rule(0, 1.5);
  rule.statistic = Statistic::paired;
  rule.against = Against::first;
  rule.measure = Measure::ratio;
  CHECK(error_of([&] {
          (void)judge({rule}, {base, base}, false);
        }).find("a paired change is one of differences") != std::string::npos);
}

TEST_CASE("a value is shown with the digits that put it outside", "[gate]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].alpha = 3.12304;
  const RuleVerdict verdict = verdict_of(alpha_rule(2, 3.123), {record});
  CHECK(violation_text(verdict, verdict.violations.at(0)) == "3.12304");
  CHECK(violation_text(verdict_of(alpha_rule(2, 3.1), {record}), verdict.violations.at(0)) ==
        "3.12");
  // Of a share, by its limit.
  Rule rule = alpha_rule(-1, 0.3333);
  rule.statistic = Statistic::share;
  rule.above = 3.123;
  const RuleVerdict share = verdict_of(rule, {record});
  CHECK(share.text.ends_with("from -1 to 0.3333, found 0.33333: 1 of 3"));
  CHECK(violation_text(share, share.violations.at(0)) == "3.12304");
}

TEST_CASE("the alpha of a failed fit is no alpha to a rule", "[gate]") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].status = "failed";  // as in compat mode
  record.layers[0].alpha = record.layers[0].D = record.layers[0].sigma = -1;
  record.layers[0].warning = "over-trained";
  const RuleVerdict verdict = verdict_of(alpha_rule(2, 6), {record});
  CHECK(verdict.passed);
  CHECK(verdict.unknown == 1);
  Rule rule = alpha_rule(0, 0);
  rule.metric = "warning.over-trained";
  CHECK(verdict_of(rule, {record}).passed);
  rule.metric = "warning.fit-failed";
  CHECK(verdict_of(rule, {record}).violations.size() == 1);
}
