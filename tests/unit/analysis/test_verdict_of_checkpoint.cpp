/// @file
/// The verdict on a checkpoint, on planted records: every level.

#include <string>

#include <catch2/catch.hpp>

#include "wishart/analysis/usual.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/row_warnings.hpp"

#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

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

TEST_CASE("names from strangers are printable and bounded in a verdict", "[verdict]") {
  CheckpointRecord record = with_warning("rank-collapse", std::string(70'000, 'r'));
  record.layers[0].key = "\x1b[31m" + std::string(65'536, 'n');
  for (const Reason& reason : verdict_of(record).reasons) {
    CHECK(reason.text.find('\x1b') == std::string::npos);
    CHECK(reason.text.size() < 600);
  }
}

TEST_CASE("in compat mode NaN weights are told, whatever the column of warnings holds",
          "[verdict]") {
  CheckpointRecord compat = sample_checkpoint();
  compat.provenance.mode = "weightwatcher";
  compat.layers[0].status = "nonfinite";
  CHECK(told(verdict_of(compat)) ==
        "bad: Do not use it: 1 of 3 layers holds NaN or infinite weights.");
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
