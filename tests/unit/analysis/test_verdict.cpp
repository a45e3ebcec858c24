/// @file
/// The verdict on planted records: every level, for every kind of report.

#include <algorithm>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/analysis/usual.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/row_warnings.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

namespace {

/// Three layers, of which the first has these warnings.
CheckpointRecord with_warning(const std::string& words, const std::string& reason = "") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].warning = words;
  record.layers[0].reason = reason;
  return record;
}

/// `level: sentence`.
std::string told(const Verdict& verdict) {
  CHECK(verdict.reasons.size() <= kMostReasons);
  for (const Reason& reason : verdict.reasons) CHECK_FALSE(reason.text.empty());
  return std::string(level_name(verdict.level)) + ": " + verdict.sentence;
}

bool has_reason(const Verdict& verdict, const std::string& part) {
  return std::any_of(verdict.reasons.begin(), verdict.reasons.end(), [&](const Reason& reason) {
    return reason.text.find(part) != std::string::npos;
  });
}

History run_with(Advice advice, Basis basis, bool held_out) {
  History history;
  history.rows.resize(2);
  history.rows[0].checkpoint = "step-1";
  history.rows[1].checkpoint = "step-2";
  history.loss_is_eval = held_out;
  history.window = kTriedWindow;
  history.conclusion = {advice, basis, {"The loss is 2."}, "step-1"};
  return history;
}

Verdict quiet() { return verdict_of(sample_checkpoint()); }

RuleVerdict rule(bool passed, const std::string& caveat = "") {
  RuleVerdict verdict;
  verdict.rule = "rank stays";
  verdict.stage = "tuned";
  verdict.passed = passed;
  verdict.text = "rank must be at least 4";
  verdict.caveat = caveat;
  if (!passed) verdict.violations.push_back({"a.mlp", "mlp.up", 0, 2, 2, 4});
  return verdict;
}

std::vector<Model> two_models() {
  std::vector<Model> models{model_of("small", sample_checkpoint().layers),
                            model_of("large", sample_checkpoint().layers)};
  return models;
}

Following following_of(double rho, double low, double high) {
  Following following;
  FollowRow row;
  row.metric = "alpha";
  row.group = "all";
  row.models = 9;
  row.spearman = rho;
  row.spearman_low = low;
  row.spearman_high = high;
  following.rows.push_back(row);
  return following;
}

}  // namespace

TEST_CASE("a checkpoint without warnings is good, and no more is claimed", "[verdict]") {
  const Verdict verdict = verdict_of(sample_checkpoint());
  CHECK(told(verdict) == "good: None of the 3 layers needs attention.");
  CHECK(has_reason(verdict, "Weights alone do not show over-fitting"));
  // A remark is no warning.
  CHECK(told(verdict_of(with_warning("small-tail"))) ==
        "good: None of the 3 layers needs attention.");
}

TEST_CASE("any warning needs attention, and its layer is named with its reason", "[verdict]") {
  const Verdict verdict =
      verdict_of(with_warning("rank-collapse;unlike-blocks", "rank 1 of 4; log_norm 3"));
  CHECK(told(verdict) == "attention: 1 of 3 layers needs attention: rank-collapse, unlike-blocks.");
  REQUIRE(verdict.reasons.size() == 3);
  CHECK(verdict.reasons[0].text == "rank-collapse in 1 layer: a.mlp (rank 1 of 4; log_norm 3).");
  CHECK(verdict.reasons[0].anchor == "sec-layers-that-need-attention");
  CHECK(verdict.reasons[0].figures ==
        std::vector<std::string>{"fig-density-0", "fig-blocks-warnings"});
  CHECK(verdict.reasons[1].text == "unlike-blocks in 1 layer, named above.");
  CHECK(verdict.reasons[1].figures == std::vector<std::string>{"fig-blocks-warnings"});
  CHECK(has_reason(verdict, "under 5 %"));
  const WarningKind* gravest = &warning_kinds().front();
  CHECK(gravest->word == "error");
}

TEST_CASE("weights that are not finite, and an adapter that dominates, are bad", "[verdict]") {
  CHECK(told(verdict_of(with_warning("nonfinite"))) ==
        "bad: Do not use it: 1 of 3 layers holds NaN or infinite weights.");
  CHECK(told(verdict_of(with_warning("adapter-dominates"))) ==
        "bad: Do not use it: the adapter outweighs its base in 1 layer.");
}

TEST_CASE("of several layers a reason names one that was not named before", "[verdict]") {
  CheckpointRecord record = with_warning("rank-collapse;unlike-blocks", "rank 1 of 4");
  record.layers[2].warning = "unlike-blocks";
  const Verdict verdict = verdict_of(record);
  REQUIRE(verdict.reasons.size() > 1);
  CHECK(verdict.reasons[1].text ==
        "unlike-blocks in 2 layers, such as " + record.layers[2].key + ".");
}

TEST_CASE("weights that are all zero, or all of one direction, are bad", "[verdict]") {
  CheckpointRecord zero = sample_checkpoint();
  for (LayerRow& row : zero.layers) {
    row.num_evals = 4;
    row.matrix_rank = 0;
    row.warning = kRankCollapse;
  }
  CHECK(told(verdict_of(zero)) == "bad: Do not use it: all 3 layers are zero.");
  zero.layers[1].matrix_rank = 1;
  CHECK(told(verdict_of(zero)) == "bad: Do not use it: all 3 layers have a rank of at most 1.");
  zero.layers[1].matrix_rank = 2;
  CHECK(told(verdict_of(zero)).starts_with("attention: "));
  // A change of rank 1 is what some adapters are.
  zero.layers[1].matrix_rank = 1;
  zero.provenance.analysis = AnalysisKind::difference;
  CHECK(told(verdict_of(zero)).starts_with("attention: "));
}

TEST_CASE("what was not analysed is unknown", "[verdict]") {
  CHECK(told(verdict_of(CheckpointRecord{})) ==
        "unknown: Nothing can be said: no matrix was analysed.");
  CheckpointRecord failed = sample_checkpoint();
  for (LayerRow& row : failed.layers) row.status = row.warning = "error";
  CHECK(told(verdict_of(failed)) == "unknown: Nothing can be said: no layer could be computed.");
  CheckpointRecord one = sample_checkpoint();
  one.layers[1].status = one.layers[1].warning = "error";
  CHECK(told(verdict_of(one)).find("attention: 1 of 3 layers could not be computed") == 0);
  CheckpointRecord change = sample_checkpoint();
  change.provenance.analysis = AnalysisKind::difference;
  CHECK(told(verdict_of(change)).find("unknown: No layer has a warning, but") == 0);
  CheckpointRecord compat = sample_checkpoint();
  compat.provenance.mode = "weightwatcher";
  CHECK(told(verdict_of(compat)).find("unknown: No weight is NaN or infinite.") == 0);
  // Orthogonal matrices, for instance.
  CheckpointRecord flat = sample_checkpoint();
  flat.layers[0].status = kNoTail;
  CHECK(has_reason(verdict_of(flat), "1 of 3 layers has no alpha."));
  for (LayerRow& row : flat.layers) row.status = kNoTail;
  CHECK(told(verdict_of(flat)).find("unknown: No layer has a warning, but none has a power-law") ==
        0);
}

TEST_CASE("warnings are held against the checkpoint before and the base", "[verdict]") {
  const CheckpointRecord record = with_warning("rank-collapse");
  const CheckpointRecord clean = sample_checkpoint("step-1");
  CheckpointRecord two = record;
  two.layers[1].warning = "like-noise";
  CHECK(told(verdict_of(two)) ==
        "attention: 2 of 3 layers need attention, the gravest for rank-collapse.");
  CHECK(has_reason(verdict_of(two, {&record, nullptr}), "1 of these layers has no warning in"));
  CHECK(has_reason(verdict_of(two, {&two, nullptr}), "All of these layers need attention in"));
  CHECK(has_reason(verdict_of(record, {&clean, nullptr}), "This layer has no warning in step-1."));
  CHECK(has_reason(verdict_of(record, {nullptr, &record}),
                   "This layer needs attention in base too."));
}

TEST_CASE("the level of a run is that of its advice", "[verdict]") {
  const auto level = [](Advice advice, Basis basis, bool held_out) {
    return verdict_of(run_with(advice, basis, held_out), quiet()).level;
  };
  CHECK(level(Advice::going_on, Basis::losses, true) == Level::good);
  CHECK(level(Advice::settled, Basis::losses, true) == Level::good);
  CHECK(level(Advice::overfitting, Basis::losses, true) == Level::bad);
  CHECK(level(Advice::diverging, Basis::spectra, false) == Level::bad);
  CHECK(level(Advice::not_learning, Basis::losses, true) == Level::bad);
  CHECK(level(Advice::suspect, Basis::spectra, false) == Level::attention);
  CHECK(level(Advice::unknown, Basis::none, false) == Level::unknown);
  // Nobody would see the over-fitting.
  // Spectra do not show whether a run still learns.
  const Verdict rests = verdict_of(run_with(Advice::settled, Basis::spectra, false), quiet());
  CHECK(told(rests) ==
        "unknown: The spectra no longer change. Whether it still learns they do not show: look at "
        "a held-out loss before you stop it.");
  CHECK(has_reason(rests, "Of 15 small models with such spectra whose fate is known, 15 had a "));

  const Verdict blind = verdict_of(run_with(Advice::going_on, Basis::losses, false), quiet());
  CHECK(blind.level == Level::attention);
  CHECK(blind.sentence.find("no held-out loss is recorded") != std::string::npos);
  CHECK_FALSE(has_reason(blind, "Such advice was right"));
  History few = run_with(Advice::going_on, Basis::losses, false);
  few.rows[0].eval_loss = 2;
  CHECK(verdict_of(few, quiet()).sentence.find("too few held-out losses are recorded") !=
        std::string::npos);
}

TEST_CASE("a loss that is not finite needs attention, whatever the layers say",
          "[verdict][losses]") {
  CheckpointRecord record = sample_checkpoint("b");
  record.provenance.training.loss = kRecordedNan;
  CHECK(told(verdict_of(record)) ==
        "attention: The training loss is NaN, so the run diverges. " + quiet().sentence);
  CHECK(told(verdict_of(compare(sample_checkpoint("a"), record))) ==
        "attention: The training loss is NaN at b.");
  record.provenance.training.loss = kNan;
  CHECK(told(verdict_of(record)) == told(quiet()));
  record.provenance.training.eval_loss = std::numeric_limits<double>::infinity();
  CHECK(told(verdict_of(compare(sample_checkpoint("a"), record))) ==
        "attention: The eval loss is infinite at b.");
  CheckpointRecord damaged = with_warning("nonfinite");
  const std::string worse = told(verdict_of(damaged));
  damaged.provenance.training.loss = kRecordedNan;
  CHECK(told(verdict_of(damaged)) == worse);
}

TEST_CASE("a comparison tells no held-out loss that was carried forward", "[verdict][losses]") {
  CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  a.provenance.training.eval_loss = b.provenance.training.eval_loss = 2.1;
  CHECK_FALSE(has_reason(verdict_of(compare(a, b)), "The held-out loss is"));
  b.provenance.training.eval_loss = 2.05;
  CHECK(has_reason(verdict_of(compare(a, b)), "The held-out loss is 2.05; it was 2.1."));
}

TEST_CASE("a run is no better than its last checkpoint", "[verdict]") {
  const Verdict last = verdict_of(with_warning("nonfinite"));
  const Verdict verdict = verdict_of(run_with(Advice::going_on, Basis::losses, true), last);
  CHECK(verdict.level == Level::bad);
  CHECK(verdict.sentence ==
        "Keep training: it is still learning. But do not use its last checkpoint.");
  CHECK(has_reason(verdict, "In the last checkpoint, step-2: Do not use it"));
  const Verdict warned = verdict_of(run_with(Advice::going_on, Basis::losses, true),
                                    verdict_of(with_warning("like-noise")));
  CHECK(told(warned) ==
        "attention: Keep training: it is still learning. But layers of its last checkpoint need "
        "attention.");
  CHECK(has_reason(verdict, "Such advice was right for 32 of 32"));
  CHECK(told(verdict_of(History{}, {})) == "unknown: Nothing can be said: there is no checkpoint.");
}

TEST_CASE("the verdict on a comparison", "[verdict]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  CHECK(told(verdict_of(compare(a, b))) ==
        "good: b has the weights of a: nothing changed in any of 3 layers.");
  b.layers[0].hash = "2";
  b.layers[0].alpha = 3.1;
  const Verdict changed = verdict_of(compare(a, b));
  CHECK(told(changed) == "good: No layer of a is missing in b, and none has a new warning.");
  CHECK(has_reason(changed, "Weights alone do not show whether the answers are as good"));
  b.layers[0].warning = "rank-collapse";
  const Verdict warned = verdict_of(compare(a, b));
  CHECK(told(warned) == "attention: In b, 1 layer has warnings that a does not have.");
  CHECK(has_reason(warned, "It is a.mlp: rank-collapse."));
  b.layers[0].warning = "nonfinite";
  CHECK(told(verdict_of(compare(a, b))) ==
        "bad: Do not use b: 1 of 3 layers has NaN or infinite weights, which a does not have.");
  // Without a tail in any layer, no news is no good news.
  CheckpointRecord none = a;
  for (LayerRow& row : none.layers) row.status = "failed";
  CHECK(
      told(verdict_of(compare(none, none))) ==
      "unknown: a has the weights of a: nothing changed in any of 3 layers, but no layer of a has "
      "a power-law tail, so nothing is known of its quality.");
  // Old damage is no news, but damage.
  CheckpointRecord old = a;
  old.layers[0].warning = "nonfinite";
  b.layers[0].num_nan = 1;
  CHECK(told(verdict_of(compare(old, b))) ==
        "bad: Do not use b: like a, it holds NaN or infinite weights, in 1 of 3 layers.");
  b.layers[0].num_nan = 0;
  b.layers[0].warning = "";
  b.layers[0].has_esd = false;
  CHECK(told(verdict_of(compare(a, b))) ==
        "attention: 1 of 3 layers could not be compared, so nothing is known of it. No other has a "
        "new warning.");
  b.layers.clear();
  b.spectra.clear();
  CHECK(told(verdict_of(compare(a, b))) ==
        "unknown: Nothing can be said: no layer is known in both a and b.");
  b = sample_checkpoint("b");
  b.layers.pop_back();
  b.spectra.pop_back();
  CHECK(told(verdict_of(compare(a, b))) == "attention: In b, 1 layer of a is missing or reshaped.");
  b = sample_checkpoint("b");
  b.layers[0].hash = "2";
  b.provenance.mode = "weightwatcher";
  CHECK(told(verdict_of(compare(a, b))).find("unknown: a and b may not be comparable: ") == 0);
}

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

TEST_CASE("an order is worth what it is known to be worth", "[verdict]") {
  const std::vector<Model> models = two_models();
  CHECK(told(verdict_of(models, 0, {})) ==
        "unknown: small comes first by alpha, but among models of the same shape this order is "
        "worth nothing.");
  CHECK(verdict_of(models, 0, following_of(-0.9, -0.99, -0.6)).level == Level::good);
  CHECK(verdict_of(models, 0, following_of(0.9, 0.6, 0.99)).level == Level::attention);
  CHECK(told(verdict_of(models, 0, following_of(-1 + 1e-15, -1, -1)))
            .ends_with("Spearman's rho -1 over 9 models, without an interval at +-1."));
  CHECK(verdict_of(models, 0, following_of(-0.2, -0.7, 0.4)).level == Level::unknown);
  CHECK(told(verdict_of({models.front()}, 0, {})) ==
        "unknown: There is only one model, so there is no order.");
}

TEST_CASE("an order by a loss is good where the loss is low, and says so", "[verdict]") {
  const std::vector<Model> models = two_models();
  Following following = following_of(-0.9, -0.99, -0.6);
  following.score = {"loss", true};
  CHECK(told(verdict_of(models, 0, following)) ==
        "attention: small comes first by alpha, but this order runs against the scores (loss, less "
        "is better): Spearman's rho -0.9 (-0.99 to -0.6) over 9 models.");
  following = following_of(0.9, 0.6, 0.99);
  following.score = {"loss", true};
  CHECK(verdict_of(models, 0, following).level == Level::good);
  following.score = {"accuracy", false};
  CHECK(told(verdict_of(models, 0, following))
            .find("runs against the scores (accuracy, more is better)") != std::string::npos);
  following.score = {"value", std::nullopt};
  const Verdict unknown = verdict_of(models, 0, following);
  CHECK(unknown.level == Level::unknown);
  CHECK(unknown.sentence.ends_with(
      ". But whether less or more of them is better is not known: say it with --lower-is-better or "
      "--higher-is-better."));
}

TEST_CASE("an order of checkpoints of one run is never good", "[verdict]") {
  Following following = following_of(-0.9, -0.99, -0.6);
  following.of_runs = true;
  const Verdict verdict = verdict_of(two_models(), 0, following);
  CHECK(verdict.level == Level::unknown);
  CHECK(verdict.sentence.ends_with("so nothing is known of other models."));
  following = following_of(0.9, 0.6, 0.99);
  following.of_runs = true;
  CHECK(verdict_of(two_models(), 0, following).level == Level::attention);
}

TEST_CASE("blocks in the places of others are no good comparison", "[verdict]") {
  CheckpointRecord a = sample_checkpoint("a");
  for (LayerRow& row : a.layers) row.hash = "hash of " + row.key;
  CheckpointRecord b = a;
  b.provenance.checkpoint_id = "b";
  std::swap(b.layers[0].hash, b.layers[2].hash);
  const Verdict verdict = verdict_of(compare(a, b));
  CHECK(told(verdict) == "attention: In b, 2 layers hold the weights of other layers of a.");
  CHECK(has_reason(verdict, "The first of them is a.mlp, with the weights of c.mlp."));
}

TEST_CASE("a model that moved by half of its norm is no good fine-tune", "[verdict]") {
  CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  for (LayerRow& row : b.layers) row.hash = "2";
  for (StoredSpectrum& spectrum : b.spectra) spectrum.sigma = {2, 3, 5, 7};
  CHECK(told(verdict_of(compare(a, b))) ==
        "attention: Half of the layers of b moved by at least 0.71 of their norm: it is no "
        "fine-tuned a, or its layers are in other places.");
  // Later in the same training that is no news.
  a.provenance.training.step = 10;
  b.provenance.training.step = 20;
  CHECK(verdict_of(compare(a, b)).sentence.find("moved by at least") == std::string::npos);
}

TEST_CASE("a larger vocabulary is told beside a good comparison", "[verdict]") {
  CheckpointRecord a = sample_checkpoint("a");
  a.layers[0].role = "embedding.token";
  CheckpointRecord b = a;
  b.provenance.checkpoint_id = "b";
  b.layers[0].rows = 10;
  b.layers[1].hash = "2";
  const Verdict verdict = verdict_of(compare(a, b));
  CHECK(told(verdict) == "good: No layer of a is missing in b, and none has a new warning.");
  CHECK(has_reason(verdict, "The vocabulary grew from 8 to 10: 1 layer is not compared."));
}

TEST_CASE("names from strangers are printable and bounded in a verdict", "[verdict]") {
  CheckpointRecord record = with_warning("rank-collapse", std::string(70'000, 'r'));
  record.layers[0].key = "\x1b[31m" + std::string(65'536, 'n');
  for (const Reason& reason : verdict_of(record).reasons) {
    CHECK(reason.text.find('\x1b') == std::string::npos);
    CHECK(reason.text.size() < 600);
  }
}

TEST_CASE("a run whose last checkpoint lacks layers needs attention at best", "[verdict]") {
  History history = run_with(Advice::going_on, Basis::losses, true);
  history.rows[1].layers = 4;
  history.rows[1].missing = 4;
  const Verdict verdict = verdict_of(history, quiet());
  CHECK(told(verdict) ==
        "attention: Keep training: it is still learning. But its last checkpoint is incomplete.");
  CHECK(verdict.reasons.at(0).text == "step-2 is incomplete: it has 4 of the 8 layers of its run.");
  history.conclusion.advice = Advice::diverging;
  CHECK(verdict_of(history, quiet()).level == Level::bad);
}

TEST_CASE("other modes and fits have no new warnings", "[verdict]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  b.layers[0].warning = "fit-failed;rank-collapse";
  CHECK(verdict_of(compare(a, b)).level == Level::attention);
  b.provenance.mode = "weightwatcher";
  CHECK(told(verdict_of(compare(a, b))).find("unknown: a and b may not be comparable: ") == 0);
  CHECK(
      has_reason(verdict_of(compare(a, b)),
                 "Other modes give other alphas and warnings, so no change of them is concluded."));
  b.provenance.mode = a.provenance.mode;
  b.provenance.fit_version = 70;
  CHECK(has_reason(verdict_of(compare(a, b)), "Other fits give other alphas and warnings"));
  b.layers[0].warning = "nonfinite;rank-collapse";
  CHECK(told(verdict_of(compare(a, b))).find("bad: Do not use b: 1 of 3 layers has NaN") == 0);
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

TEST_CASE("a model of few fitted layers is not first without a word", "[verdict]") {
  std::vector<LayerRow> few = sample_checkpoint().layers;
  few[1].alpha = few[2].alpha = kNan;
  few[1].status = few[2].status = "nonfinite";
  const std::vector<LayerRow> whole = sample_checkpoint().layers;
  std::vector<Model> models{model_of("nan", few), model_of("good", whole)};
  CHECK(models[0].fitted == 1);
  CHECK(models[1].fitted == 3);
  const Verdict verdict = verdict_of(models, 0, following_of(-0.9, -0.99, -0.6));
  CHECK(verdict.level == Level::attention);
  CHECK(told(verdict).ends_with(" But only 1 of its 3 layers has a value."));
  CHECK(
      verdict.reasons.at(0).text ==
      "Its mean alpha is over 1 layer, that of good over 3: compare only models of which the same "
      "layers are known.");
  few.resize(1);
  models[0] = model_of("half", few);
  CHECK(has_reason(verdict_of(models, 0, {}), "Its mean alpha is over 1 layer, that of good"));
  std::swap(models[0], models[1]);
  CHECK_FALSE(has_reason(verdict_of(models, 0, {}), "Its mean alpha is over"));
}

TEST_CASE("matrices that were left out by choice are told in every verdict", "[verdict]") {
  const CheckpointRecord whole = sample_checkpoint("whole");
  CheckpointRecord part = sample_checkpoint("part");
  part.skipped.push_back({"a.mlp", "F32", "8 x 4", 32, "left-out", ""});
  part.layers.erase(part.layers.begin());
  part.spectra.erase(part.spectra.begin());
  const Verdict report = verdict_of(part);
  CHECK(told(report) ==
        "good: None of the 2 layers needs attention. 1 more matrix was left out (--layers).");
  CHECK(report.left_out == 1);
  CHECK(has_reason(verdict_of({rule(true)}, report),
                   "Of tuned, 1 more matrix was left out (--layers)."));
  CHECK(has_reason(verdict_of(run_with(Advice::going_on, Basis::losses, true), report),
                   "Of the last checkpoint, 1 more matrix was left out (--layers)."));
  for (const Comparison& comparison : {compare(whole, part), compare(part, whole)}) {
    const Verdict verdict = verdict_of(comparison);
    CHECK(told(verdict) ==
          "attention: 1 of 3 layers was left out of one of the two scans (--layers), so nothing is "
          "known of it. No other has a new warning.");
    CHECK(has_reason(verdict, "0 removed or reshaped, 0 added"));
  }
  CHECK(told(verdict_of(compare(part, part))) ==
        "good: part has the weights of part: nothing changed in any of 2 layers. 1 more was left "
        "out of both scans (--layers).");
}

TEST_CASE("in compat mode NaN weights are told, whatever the column of warnings holds",
          "[verdict]") {
  CheckpointRecord compat = sample_checkpoint();
  compat.provenance.mode = "weightwatcher";
  compat.layers[0].status = "nonfinite";
  CHECK(told(verdict_of(compat)) ==
        "bad: Do not use it: 1 of 3 layers holds NaN or infinite weights.");
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

TEST_CASE("a matrix of zeros is bad in trained weights, and is named", "[verdict][zeros]") {
  CheckpointRecord record = sample_checkpoint("step-9");
  record.layers[1].lambda_max = 0;
  record.layers[1].warning = "all-zero;fit-failed;rank-collapse";
  const std::string sentence =
      "bad: Do not use it: 1 of 3 layers is zero: b.attn. Zeros in whole matrices come from a "
      "damaged or unfinished file, or from layers that began as zeros and were never trained.";
  CHECK(told(verdict_of(record)) == sentence);
  record.provenance.training.step = 9;
  CHECK(told(verdict_of(record)) == sentence);
  const Verdict gate = verdict_of({rule(true), rule(true)}, verdict_of(record));
  CHECK(told(gate) == "bad: Passed: all 2 rules are kept. But do not use tuned.");
  CHECK(has_reason(gate, "1 of 3 layers is zero: b.attn."));
  // So do projections begin that are to change nothing at first.
  record.provenance.training.step = 0;
  CHECK(verdict_of(record).level == Level::attention);
  // A difference of zero is a frozen layer.
  record.provenance.training.step = 9;
  record.provenance.analysis = AnalysisKind::difference;
  CHECK(verdict_of(record).level == Level::attention);
  // Compat mode has no word for it.
  CheckpointRecord compat = sample_checkpoint();
  compat.provenance.mode = "weightwatcher";
  compat.layers[0].lambda_max = 0;
  CHECK(verdict_of(compat).level == Level::bad);
}

TEST_CASE("more zeros than fit are counted", "[verdict][zeros]") {
  CheckpointRecord record = sample_checkpoint();
  for (const char* key : {"d.mlp", "e.mlp"}) add_layer(record, sample_layer(key));
  for (std::size_t i = 0; i < 4; ++i) record.layers[i].lambda_max = 0;
  CHECK(verdict_of(record).sentence.starts_with(
      "Do not use it: 4 of 5 layers are zero: a.mlp, b.attn, c.mlp and 1 more."));
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

TEST_CASE("layers without an alpha are not usual, and many of them leave nothing known",
          "[verdict]") {
  CheckpointRecord record;
  for (const char* key : {"a", "b", "c"}) {
    LayerRow row = sample_layer(key, key);
    row.role = "attention.v";
    row.N = row.M = row.num_evals = row.matrix_rank = 1024;
    row.lambda_max = row.xmax = 9;
    row.alpha = usual_value(row.role, 1024, UsualMetric::alpha, 50);
    add_layer(record, row);
  }
  const std::string usual = " lies between the 5th and the 95th percentile";
  CHECK(has_reason(verdict_of(record), "The alpha of 3 of 3 layers" + usual));
  record.layers[0].status = kNoTail;
  record.layers[0].alpha = kNan;
  CHECK(verdict_of(record).level == Level::good);
  CHECK(has_reason(verdict_of(record), "The alpha of 2 of 2 layers" + usual));
  record.layers[1].status = kNoTail;
  record.layers[1].alpha = kNan;
  CHECK(told(verdict_of(record)) ==
        "unknown: No layer has a warning, but 2 of 3 layers have no alpha, so little is known of "
        "their quality.");
  CHECK(has_reason(verdict_of(record), "The alpha of 1 of 1 layer" + usual));
}

TEST_CASE("copies of matrices in other blocks need attention", "[verdict][copies]") {
  CheckpointRecord record;
  for (int block = 0; block < 4; ++block) {
    for (const char* name : {".mlp", ".attn"}) {
      const std::string key = std::to_string(block) + name;
      LayerRow row = sample_layer(key, key);
      row.block = block;
      add_layer(record, row);
    }
  }
  CHECK(verdict_of(record).level == Level::good);
  record.layers[4].hash = record.layers[2].hash;
  record.layers[6].hash = record.layers[2].hash;
  const Verdict verdict = verdict_of(record);
  CHECK(told(verdict) ==
        "attention: None of the 8 layers needs attention by itself, but blocks 1 to 3 hold "
        "copies.");
  CHECK(verdict.reasons.at(0).text ==
        "3 matrices of blocks 1 to 3 have the elements of one in another block, such as 2.mlp "
        "those of 1.mlp. Right where blocks were copied to deepen a model, or share their weights; "
        "else the file was written wrongly.");
  // Beside warnings it is a reason more.
  record.layers[0].warning = "like-noise";
  CHECK(told(verdict_of(record)) == "attention: 1 of 8 layers needs attention: like-noise.");
  CHECK(has_reason(verdict_of(record), "have the elements of one in another block"));
  record.layers[0].warning = "";
  SECTION("not of zeros, of rank 1, or of two stacks") {
    for (const std::int64_t rank : {0, 1}) {
      for (LayerRow& row : record.layers) row.matrix_rank = rank;
      CHECK_FALSE(has_reason(verdict_of(record), "have the elements of"));
    }
    for (LayerRow& row : record.layers) row.matrix_rank = 4;
    record.layers[4].stack = "encoder";
    record.layers[6].stack = "vision";
    CHECK(verdict_of(record).level == Level::good);
  }
  SECTION("not of weights without a hash") {
    for (LayerRow& row : record.layers) row.hash.clear();
    CHECK(verdict_of(record).level == Level::good);
  }
  SECTION("copies among experts are told only") {
    for (std::size_t i = 0; i < record.layers.size(); ++i) {
      LayerRow& row = record.layers[i];
      row.block = static_cast<std::int64_t>(i) / 4;
      row.expert = static_cast<std::int64_t>(i) % 4;
      row.hash = std::to_string(row.block);
    }
    CHECK(verdict_of(record).level == Level::good);
    CHECK(has_reason(verdict_of(record),
                     "8 matrices of experts are copies of one matrix of their block, such as "
                     "0.mlp: up-cycled experts at the start have them."));
  }
}

TEST_CASE("a run that leaves out its base says so", "[verdict]") {
  History history = run_with(Advice::going_on, Basis::losses, true);
  Analysed base;
  base.checkpoint = "base";
  base.why = LeftOut::place;
  history.left_out = {base};
  CHECK(has_reason(verdict_of(history, quiet()), "base has no step and is not part of the run."));
}
