/// @file
/// The verdicts on runs and orders, and what all verdicts tell, on planted records.

#include <algorithm>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/analysis/verdict.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/row_warnings.hpp"

#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

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
  CHECK(blind.sentence.find("the archive has no held-out loss") != std::string::npos);
  CHECK_FALSE(has_reason(blind, "Such advice was right"));
  History few = run_with(Advice::going_on, Basis::losses, false);
  few.rows[0].eval_loss = 2;
  CHECK(verdict_of(few, quiet()).sentence.find("the archive has too few held-out losses") !=
        std::string::npos);
}

TEST_CASE("old weights need attention, the best ones loaded again do not",
          "[verdict][same-weights]") {
  History history = run_with(Advice::unknown, Basis::none, true);
  history.conclusion.same_as = "step-1";
  CHECK(told(verdict_of(history, quiet())) ==
        "attention: No advice: the last checkpoint has the weights of step-1.");
  history.conclusion.is_best = true;
  CHECK(told(verdict_of(history, quiet())) ==
        "unknown: No advice: the last checkpoint has the weights of step-1, which has the lowest "
        "loss.");
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
  CHECK(told(verdict_of(record)) ==
        "attention: The eval loss is infinite: the run diverges, or its evaluation is broken. " +
            quiet().sentence);
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
  b.provenance.training.eval_loss = 3.05;
  // The weights are the same, so one of the losses is none of theirs.
  const Verdict same = verdict_of(compare(a, b));
  CHECK(told(same) == "good: b has the weights of a: nothing changed in any of 3 layers.");
  CHECK(
      has_reason(same,
                 "The held-out loss is 3.05; it was 2.1, though no matrix changed: one of the two "
                 "is that of other weights, or vectors have changed."));
  b.layers[0].hash = "2";
  b.spectra[0].sigma = {1, 2, 3, 4.01};
  CHECK(told(verdict_of(compare(a, b))) ==
        "attention: The held-out loss of b is higher than that of a.");
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

TEST_CASE("a run that leaves out its base says so", "[verdict]") {
  History history = run_with(Advice::going_on, Basis::losses, true);
  Analysed base;
  base.checkpoint = "base";
  base.why = LeftOut::place;
  history.left_out = {base};
  CHECK(has_reason(verdict_of(history, quiet()), "base has no step and is not part of the run."));
}
