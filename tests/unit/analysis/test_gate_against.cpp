/// @file
/// Rules that hold a stage against another.

#include <cmath>
#include <limits>
#include <utility>

#include <catch2/catch.hpp>

#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/verdict.hpp"

#include "gate_samples.hpp"
#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

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

TEST_CASE("errors that were measured are judged instead of norms", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord copy = sample_checkpoint("copy");
  for (LayerRow& row : copy.layers) row.hash += " rounded";  // with the norms of the base
  copy.layers[2].hash = base.layers[2].hash;
  Rule rule;
  rule.name = "error";
  rule.metric = "error_ratio";
  rule.against = Against::first;
  rule.max = 0.1;
  CHECK(judge({rule}, {base, copy}, false).at(0).passed);
  const KnownErrors known{{"a.mlp", {0.5, kNan}}};
  const RuleVerdict verdict = judge({rule}, {base, copy}, false, {}, {}, known).at(0);
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.violations.at(0).key == "a.mlp");
  // Stable rank 3, M = 4.
  CHECK(verdict.violations.at(0).value == Approx(0.5 * std::sqrt(3.0 / 4)));
  CHECK(verdict.judged == 2);  // and the unchanged one
  CHECK(verdict.unknown == 1);
}

TEST_CASE("of a norm that fell, what was set to zero counts where it is known", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord copy = sample_checkpoint("copy");
  copy.layers[0].hash = "rounded";
  copy.layers[0].log_norm -= 0.02;
  Rule rule;
  rule.name = "cut";
  rule.metric = "cut";
  rule.against = Against::first;
  rule.min = -0.004;
  const RuleVerdict by_norms = verdict_of(rule, {base, copy});
  CHECK(by_norms.violations.at(0).value == Approx(-0.02));
  CHECK_FALSE(judge({rule}, {base, copy}, false, {}, {}, {{"a.mlp", {0.1, kNan}}}).at(0).passed);
  CHECK(judge({rule}, {base, copy}, false, {}, {}, {{"a.mlp", {0.1, 0.005}}}).at(0).passed);
  CHECK_FALSE(judge({rule}, {base, copy}, false, {}, {}, {{"a.mlp", {0.2, 0.02}}}).at(0).passed);
  copy.layers[0].log_norm = base.layers[0].log_norm;  // other errors made up for the zeros
  CHECK(judge({rule}, {base, copy}, false, {}, {}, {{"a.mlp", {0.2, 0.02}}}).at(0).passed);
}

TEST_CASE("norms alone do not make a copy of 2 bits good", "[gate]") {
  const CheckpointRecord base = sample_checkpoint("base");
  CheckpointRecord copy = sample_checkpoint("copy");
  for (LayerRow& row : copy.layers) row.hash += " rounded";
  Rule rule;
  rule.name = "error";
  rule.metric = "error_ratio";
  rule.against = Against::first;
  rule.max = 0.1;
  Verdict judged;
  judged.level = Level::good;
  const auto level_of = [&](const std::string& stored, const KnownErrors& known) {
    for (LayerRow& row : copy.layers) row.dtype = stored;
    return verdict_of(judge({rule}, {base, copy}, false, {}, {}, known), judged).level;
  };
  for (const char* stored : {"GPTQ int2 in groups of 64", "GGUF Q2_K", "GGUF IQ2_XXS", "GGUF TQ1_0",
                             "ONNX UINT2", "BitNet ternary"}) {
    INFO(stored);
    CHECK(level_of(stored, {}) == Level::unknown);
    CHECK(level_of(stored, {{"a.mlp", {0.01, kNan}}}) == Level::good);
  }
  for (const char* stored :
       {"GPTQ int3 in groups of 64", "GGUF Q3_K", "HQQ int4 in groups of 64", "BF16", "F8_E4M3"}) {
    INFO(stored);
    CHECK(level_of(stored, {}) == Level::good);
  }
  const std::vector<RuleVerdict> verdicts = [&] {
    for (LayerRow& row : copy.layers) row.dtype = "GGUF Q2_K";
    return judge({rule}, {base, copy}, false);
  }();
  CHECK(verdict_of(verdicts, judged).sentence ==
        "Passed: the only rule is kept. But 3 layers are stored in fewer than 3 bits, whose errors "
        "may keep the norms that the rules judge by: wishart check reads the weights.");
  // A model that was in 2 bits before lost nothing by it.
  CHECK(judge({rule}, {copy, copy}, false).at(0).doubt.empty());
}
