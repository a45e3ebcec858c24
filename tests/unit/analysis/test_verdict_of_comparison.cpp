/// @file
/// The verdict on a comparison of planted records.

#include <string>

#include <catch2/catch.hpp>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/verdict.hpp"

#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

TEST_CASE("the verdict on a comparison", "[verdict]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  CHECK(told(verdict_of(compare(a, b))) ==
        "good: b has the weights of a: nothing changed in any of 3 layers.");
  b.layers[0].hash = "2";
  b.spectra[0].sigma = {1, 2, 3, 4.01};
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
  b.spectra[0].sigma = {1, 2, 3, 4.01};
  b.provenance.mode = "weightwatcher";
  CHECK(told(verdict_of(compare(a, b))).find("unknown: a and b may not be comparable: ") == 0);
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
  b.spectra[1].sigma = {1, 2, 3, 4.01};
  const Verdict verdict = verdict_of(compare(a, b));
  CHECK(told(verdict) == "good: No layer of a is missing in b, and none has a new warning.");
  CHECK(has_reason(verdict, "The vocabulary grew from 8 to 10: 1 layer is not compared."));
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
