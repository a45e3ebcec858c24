#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/analysis/gate.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::error_of;
using test::sample_checkpoint;

namespace {

Rule alpha_rule(double min, double max) {
  Rule rule;
  rule.name = "alpha";
  rule.metric = "alpha";
  rule.min = min;
  rule.max = max;
  return rule;
}

/// The one verdict of one rule over these stages.
RuleVerdict verdict_of(const Rule& rule, const std::vector<CheckpointRecord>& stages) {
  const std::vector<RuleVerdict> verdicts = judge({rule}, stages, false);
  REQUIRE(verdicts.size() == 1);
  return verdicts.front();
}

}  // namespace

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

TEST_CASE("planted damage is found against the base", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord damaged = sample_checkpoint("damaged");
  damaged.layers[1].hash = "2";
  damaged.layers[1].log_spectral_norm += 2;  // times 10: two decades of the largest eigenvalue
  damaged.spectra[1].sigma = {10, 20, 30, 40};
  Rule rule;
  rule.name = "norm";
  rule.metric = "log_spectral_norm";
  rule.against = Against::first;
  rule.min = -0.5;
  rule.max = 0.5;
  RuleVerdict verdict = verdict_of(rule, {base, damaged});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.other == "base");
  CHECK(verdict.violations.at(0).value == Approx(2));
  CHECK(verdict.violations.at(0).other == 0.5);
  rule.metric = "stable_rank";
  rule.measure = Measure::ratio;
  CHECK_FALSE(verdict_of(rule, {base, damaged}).passed);  // a ratio of 1 is not in -0.5 to 0.5
  rule.metric = "moved";
  verdict = verdict_of(rule, {base, damaged});
  CHECK(verdict.violations.at(0).key == "b.attn");
  CHECK(verdict.violations.at(0).value == Approx(9));
  CHECK(verdict_of(rule, {base, base}).passed);
  rule.metric = "error_ratio";
  damaged.layers[1].log_norm += 2;  // |E|^2 would be 99 |A|^2
  verdict = verdict_of(rule, {base, damaged});
  CHECK(verdict.violations.at(0).key == "b.attn");
  CHECK(verdict.violations.at(0).value == Approx(std::sqrt(99.0 * 3 / 4)));
  CHECK(verdict_of(rule, {base, base}).passed);
}

TEST_CASE("missing and added layers are metrics against the base", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord other = sample_checkpoint("other");
  other.layers[0].rows = 9;
  other.layers[1].key = "new";
  Rule rule;
  rule.name = "shape";
  rule.metric = "missing";
  rule.against = Against::first;
  rule.max = 0;
  const RuleVerdict missing = verdict_of(rule, {base, other});
  REQUIRE(missing.violations.size() == 2);
  CHECK(missing.violations[0].key == "a.mlp");
  CHECK(missing.violations[1].key == "b.attn");
  rule.metric = "added";
  CHECK(verdict_of(rule, {base, other}).violations.at(0).key == "new");
}

TEST_CASE("misplaced layers are a metric against the base", "[gate]") {
  CheckpointRecord base = sample_checkpoint("base");
  for (LayerRow& row : base.layers) row.hash = "hash of " + row.key;
  CheckpointRecord merged = base;
  std::swap(merged.layers[0].hash, merged.layers[2].hash);
  Rule rule;
  rule.name = "places";
  rule.metric = "misplaced";
  rule.against = Against::first;
  rule.max = 0;
  CHECK(verdict_of(rule, {base, base}).passed);
  const RuleVerdict verdict = verdict_of(rule, {base, merged});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.violations.size() == 2);
  CHECK(verdict.judged == 3);
}

TEST_CASE("a larger vocabulary is not missing, and not compared", "[gate]") {
  CheckpointRecord base = sample_checkpoint("base");
  base.layers[0].role = "embedding.token";
  CheckpointRecord tuned = base;
  tuned.layers[0].hash = "2";
  tuned.layers[0].rows = tuned.layers[0].N = 9;
  Rule rule;
  rule.name = "all there";
  rule.metric = "missing";
  rule.against = Against::first;
  rule.max = 0;
  CHECK(verdict_of(rule, {base, tuned}).passed);
  rule.metric = "failed";
  CHECK(verdict_of(rule, {base, tuned}).judged == 3);
  tuned.layers[0].log_norm += 1;
  rule.metric = "log_norm";
  CHECK(verdict_of(rule, {base, tuned}).passed);
  CHECK(verdict_of(rule, {base, tuned}).unknown == 1);
  rule.statistic = Statistic::paired;
  CHECK(verdict_of(rule, {base, tuned}).passed);
  CHECK(verdict_of(rule, {base, tuned}).unknown == 1);
  tuned.layers[0].role = base.layers[0].role = "mlp.up";
  CHECK(verdict_of(rule, {base, tuned}).unknown == 0);
  rule.statistic = Statistic::each;
  rule.metric = "missing";
  CHECK_FALSE(verdict_of(rule, {base, tuned}).passed);
}

TEST_CASE("what an adapter holds itself is not moved unasked", "[gate]") {
  CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord tuned = sample_checkpoint("tuned");
  tuned.layers[1].hash = "2";
  tuned.spectra[1].sigma = {1, 2, 3, 40};
  Rule rule;
  rule.name = "moved";
  rule.metric = "moved_unasked";
  rule.against = Against::first;
  rule.max = 1e-6;
  CHECK_FALSE(verdict_of(rule, {base, tuned}).passed);  // merged, or of another base
  base.provenance.checkpoint_identity = tuned.provenance.base_identity = "files";
  tuned.provenance.analysis = AnalysisKind::adapter_on_base;
  CHECK(verdict_of(rule, {base, tuned}).passed);
  CHECK(verdict_of(rule, {base, tuned}).unknown == 1);
}

TEST_CASE("stages are judged in one run, against the first or the one before", "[gate]") {
  std::vector<CheckpointRecord> stages;
  for (const char* id : {"base", "sft", "rlhf"}) stages.push_back(sample_checkpoint(id));
  Rule first = alpha_rule(-1, 1);
  first.against = Against::first;
  Rule previous = first;
  previous.against = Against::previous;
  const std::vector<RuleVerdict> verdicts =
      judge({alpha_rule(2, 6), first, previous}, stages, false);
  std::vector<std::string> seen;
  for (const RuleVerdict& v : verdicts) seen.push_back(v.stage + " " + v.other);
  CHECK(seen == std::vector<std::string>{"sft base", "sft base", "rlhf ", "rlhf base", "rlhf sft"});
  CHECK(judge({alpha_rule(2, 6)}, stages, true).size() == 3);
}

TEST_CASE("a rule passes without a stage before it only if it says so", "[gate]") {
  const std::vector<CheckpointRecord> one{sample_checkpoint("first")};
  Rule rule = alpha_rule(-1, 1);
  rule.against = Against::previous;
  CHECK(error_of([&] { (void)judge({rule}, one, false); }) ==
        "2: rule 'alpha': compares with the stage before, but there is only one stage. Name the "
        "other "
        "with --base");
  rule.passes_alone = true;
  const RuleVerdict verdict = verdict_of(rule, one);
  CHECK(verdict.passed);
  CHECK(verdict.stage == "first");
  CHECK(verdict.judged == 0);
  CHECK(verdict.text ==
        "there is no checkpoint before it, so nothing was compared; the rule allows this");
  // With a stage before, it is judged as ever.
  CheckpointRecord moved = sample_checkpoint("second");
  moved.layers[0].alpha += 5;
  CHECK_FALSE(verdict_of(rule, {one.front(), moved}).passed);
  // The initial weights are no stage of training.
  std::vector<CheckpointRecord> both{one.front(), moved};
  both[0].provenance.training.step = 0;
  both[1].provenance.training.step = 50;
  CHECK(verdict_of(rule, both).passed);
  CHECK(verdict_of(rule, both).text ==
        "before it there are only the initial weights (step 0), so nothing was compared; the rule "
        "allows this");
  both[0].provenance.training.step = 10;
  CHECK_FALSE(verdict_of(rule, both).passed);
  // The base is never left out.
  rule.against = Against::first;
  CHECK(error_of([&] { (void)judge({rule}, one, false); }).find("compares with the base") !=
        std::string::npos);
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

TEST_CASE("a stage of another mode or fit is held against with a note", "[gate]") {
  CheckpointRecord before = sample_checkpoint("before");
  CheckpointRecord after = sample_checkpoint("after");
  before.provenance.mode = after.provenance.mode = "corrected";
  Rule rule = alpha_rule(-1, 1);
  rule.against = Against::first;
  CHECK(verdict_of(rule, {before, after}).notes.empty());
  CHECK(stage_changes({before, after}).size() == 1);
  after.provenance.fit_options = "{\"xmax\": 5}";
  RuleVerdict verdict = verdict_of(rule, {before, after});
  CHECK(verdict.passed);
  CHECK(
      verdict.text ==
      "the change of alpha must be from -1 to 1: all 3 layers are within bounds. Note: the metrics "
      "were computed with different options or versions: `wishart refit` both");
  CHECK(stage_changes({before, after}).empty());
  after.provenance.mode = "weightwatcher";
  verdict = verdict_of(rule, {before, after});
  CHECK(verdict.notes.at(0) ==
        "before was analysed in mode corrected, after in mode weightwatcher: their metrics are "
        "defined differently");
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

TEST_CASE("an infinite change is out of bounds, and two opposite ones are in none", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord tuned = sample_checkpoint("tuned");
  tuned.layers[0].alpha = std::numeric_limits<double>::infinity();
  Rule rule = alpha_rule(-0.5, 0.5);
  rule.statistic = Statistic::paired;
  rule.against = Against::first;
  const RuleVerdict verdict = verdict_of(rule, {base, tuned});
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.judged == 3);
  CHECK(verdict.text.ends_with("from -0.5 to 0.5, found inf"));
  tuned.layers[1].alpha = -std::numeric_limits<double>::infinity();
  CHECK_FALSE(verdict_of(rule, {base, tuned}).passed);
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

TEST_CASE("a layer that a scan left out by choice is unknown, not missing or added", "[gate]") {
  const CheckpointRecord whole = sample_checkpoint("whole");
  CheckpointRecord part = sample_checkpoint("part");
  part.skipped.push_back({part.layers[0].key, "F32", "8 x 4", 32, "left-out", ""});
  part.layers.erase(part.layers.begin());
  part.spectra.erase(part.spectra.begin());
  Rule rule = alpha_rule(0, 0);
  rule.against = Against::first;
  for (const char* metric : {"missing", "moved", "error_ratio", "alpha_z", "alpha"}) {
    CAPTURE(metric);
    rule.metric = metric;
    const RuleVerdict verdict = verdict_of(rule, {whole, part});
    CHECK(verdict.passed);
    CHECK(verdict.judged == 2);
    CHECK(verdict.unknown == 1);
    CHECK(verdict.caveat == "1 of 3 layers has no value");
    CHECK(verdict.text.ends_with("all 2 layers with a value are within bounds"));
  }
  rule.metric = "added";
  CHECK(verdict_of(rule, {whole, part}).unknown == 0);
  CHECK(verdict_of(rule, {part, whole}).unknown == 1);
  rule.metric = "missing";
  CHECK(verdict_of(rule, {part, whole}).unknown == 0);
  rule.metric = "alpha";
  rule.unknown_fails = true;
  CHECK_FALSE(verdict_of(rule, {part, whole}).passed);
  // One that is really gone still is.
  part.skipped.clear();
  rule.metric = "missing";
  CHECK(verdict_of(rule, {whole, part}).violations.size() == 1);
}
