/// @file
/// Warnings: what a layer is held against, and that nothing usual gets one.

#include <algorithm>
#include <cmath>
#include <utility>

#include <catch2/catch.hpp>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/usual.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/row_warnings.hpp"

#include "warning_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::blocks_of;
using test::error_of;
using test::sample_layer;
using test::usual_layer;

namespace {

std::vector<std::string> words_of(const std::vector<LayerRow>& layers) {
  std::vector<std::string> words;
  for (const LayerRow& row : layers) words.push_back(row.warning);
  return words;
}

LayerRow concluded(const LayerRow& row) {
  std::vector<LayerRow> layers{row};
  conclude(layers);
  return layers.front();
}

}  // namespace

TEST_CASE("what is usual among public models gets no warning, whatever WeightWatcher says",
          "[warnings]") {
  LayerRow row = usual_layer("v", "attention.v", 1024);
  CHECK(row.alpha > 6);
  row.warning = "under-trained";  // as older versions stored
  CHECK(concluded(row).warning.empty());
  for (const double percentile : {1.0, 5.0, 95.0, 99.0}) {
    CAPTURE(percentile);
    row.alpha = usual_value(row.role, row.M, UsualMetric::alpha, percentile);
    row.D = usual_value(row.role, row.M, UsualMetric::distance, percentile);
    row.log_norm = usual_value(row.role, row.M, UsualMetric::log_norm, percentile);
    CHECK(concluded(row).warning.empty());
  }
}

TEST_CASE("alpha outside 1 and 99 %, and a large D, are unusual, and the reason says how",
          "[warnings]") {
  const LayerRow usual = usual_layer("v", "attention.v", 1024);
  LayerRow row = usual;
  row.alpha = 40;
  CHECK(concluded(row).warning == "unusual");
  CHECK(concluded(row).reason == "alpha 40: above 99 % of value projections of 513 to 1024");
  row.alpha = 2.5;
  row.D = 0.2;
  CHECK(concluded(row).reason ==
        "alpha 2.5: below 99 % of value projections of 513 to 1024; "
        "D 0.2: above 99 % of value projections of 513 to 1024");
  row = usual;
  row.D = 0.001;
  CHECK(concluded(row).warning.empty());
  row = usual;
  row.alpha = 40;
  row.role = "conv";  // nothing to compare with
  CHECK(concluded(row).warning.empty());
  // Public models have key and value projections of this size for grouped queries only.
  row = usual_layer("v", "attention.v", 256);
  row.alpha = 1.5;
  CHECK(concluded(row).warning.empty());
  row.N = 2 * row.M;
  CHECK(concluded(row).warning == "unusual");
}

TEST_CASE("noise has no eigenvalue above its edge and follows the law", "[warnings]") {
  LayerRow row = usual_layer("q", "attention.q", 64);
  row.null_spikes = 0;
  row.mp_D = 3.5 / 64;
  CHECK(concluded(row).warning == "like-noise");
  CHECK(concluded(row).reason == "no eigenvalue above noise; mp_D 0.055, of noise up to 0.056");
  row.mp_D = 3.7 / 64;  // the largest is like that of noise, the others are not
  CHECK(concluded(row).warning.empty());
  row.mp_D = 0.001;
  row.null_spikes = 1;
  CHECK(concluded(row).warning.empty());
  row.null_spikes = -1;  // not known
  CHECK(concluded(row).warning.empty());
  row.null_spikes = 0;
  row.mp_D = kNan;
  CHECK(concluded(row).warning.empty());
  row.mp_D = 0.001;
  row.num_evals = 19;
  CHECK(concluded(row).warning.empty());
}

TEST_CASE("noise whose norm has changed since the first checkpoint has trained", "[warnings]") {
  std::vector<LayerRow> first = blocks_of(64);
  for (LayerRow& row : first) row.null_spikes = 0, row.mp_D = 0.01;
  std::vector<LayerRow> layers = first;
  layers[1].log_norm += 0.2;
  layers[2].log_norm += 0.05;
  layers[3].log_norm += 0.2;
  layers[4].log_norm += 0.2;
  layers[4].num_pl_spikes = 12;
  first[3].null_spikes = 2;  // it was not noise, and is now
  conclude(layers, {nullptr, &first});
  CHECK(layers[0].warning == "like-noise");
  CHECK(layers[1].warning.empty());
  CHECK(layers[1].reason.empty());
  CHECK(layers[2].warning == "like-noise");
  CHECK(layers[3].warning == "like-noise");
  CHECK(layers[4].warning == "small-tail");
  CHECK(needs_past("warning.like-noise"));
  CHECK(needs_past("warning.unlike-past"));
  CHECK_FALSE(needs_past("warning.unusual"));
  // Step 0 is the first checkpoint, though no past for anything else.
  CheckpointRecord start;
  start.layers = first;
  start.provenance.training.step = 0;
  CheckpointRecord record = start;
  record.provenance.training.step = 10;
  for (LayerRow& row : record.layers) row.log_norm += 2;
  conclude(record, {&start, &start});
  CHECK(record.layers[0].warning.empty());
  CHECK(record.layers[3].warning.empty());
}

TEST_CASE("a layer far from the other blocks is told, with both numbers", "[warnings]") {
  std::vector<LayerRow> layers = blocks_of(64);
  conclude(layers);
  CHECK(words_of(layers) == std::vector<std::string>(12));
  layers = blocks_of(64);
  layers[5].log_norm = 3;
  layers[7].alpha = 20;
  conclude(layers);
  CHECK(layers[5].warning == "unlike-blocks");
  CHECK(layers[5].reason == "log_norm 3, median of its 12 peers 1.13");
  CHECK(layers[7].warning == "unlike-blocks");
  CHECK(layers[7].reason == "alpha 20, median of its 12 peers 3.55");
  layers[5].warning = layers[7].warning = "";
  CHECK(words_of(layers) == std::vector<std::string>(12));
}

TEST_CASE("few blocks, and small differences, are not compared", "[warnings]") {
  std::vector<LayerRow> layers = blocks_of(64);
  layers.resize(7);
  layers[5].log_norm = 5;
  conclude(layers);
  CHECK(words_of(layers) == std::vector<std::string>(7));
  layers = blocks_of(64);
  for (LayerRow& row : layers) row.log_norm = 1;  // nearly equal: any difference is many deviations
  layers[3].log_norm = 1.4;
  conclude(layers);
  CHECK(words_of(layers) == std::vector<std::string>(12));
}

TEST_CASE("where reference layers are known, a usual value is not far", "[warnings]") {
  std::vector<LayerRow> layers = blocks_of(4096);
  const auto at = [&](double percentile) {
    return usual_value("attention.q", 4096, UsualMetric::log_norm, percentile);
  };
  for (LayerRow& row : layers) row.log_norm = at(5);
  layers[5].log_norm = at(98);
  CHECK(at(98) - at(5) > 0.5);
  conclude(layers);
  CHECK(words_of(layers) == std::vector<std::string>(12));
  layers[5].log_norm = at(99) + 0.1;
  conclude(layers);
  CHECK(layers[5].warning == "unlike-blocks");
}

TEST_CASE("a sudden change is unlike the past, a change that layers share is training",
          "[warnings]") {
  const std::vector<LayerRow> past = blocks_of(64);
  std::vector<LayerRow> layers = blocks_of(64);
  for (LayerRow& row : layers) row.alpha -= 0.9, row.log_norm += 0.5, row.stable_rank *= 0.5;
  conclude(layers, {&past, nullptr});
  CHECK(words_of(layers) == std::vector<std::string>(12));

  layers = blocks_of(64);
  layers[1].log_norm += 1.1;
  layers[2].stable_rank /= 4;
  layers[3].matrix_rank = 40;
  layers[4].alpha += 3;
  conclude(layers, {&past, nullptr});
  CHECK(layers[1].reason.find("squared norm grew by a factor of 13") == 0);
  CHECK(layers[2].reason.find("stable rank fell from ") == 0);
  CHECK(layers[3].reason ==
        "24 of 64 singular values are zero, at most 1 % of those of 11 others of its shape; rank "
        "fell from 64 to 40");
  CHECK(layers[4].reason.find("alpha went from 3.4 to 6.4, the other layers changed by 0") == 0);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CAPTURE(i);
    CHECK(has_warning(layers[i], "unlike-past") == (i >= 1 && i <= 4));
  }
}

TEST_CASE("noise has no past, nor has what did not change or has another shape", "[warnings]") {
  std::vector<LayerRow> past = blocks_of(64);
  std::vector<LayerRow> layers = blocks_of(64);
  for (LayerRow& row : layers) row.stable_rank /= 10;
  past[0].null_spikes = 0;
  past[0].mp_D = 0.01;
  past[1].hash = layers[1].hash = "same";
  past[2].N = 128;
  past[3].key = "another";
  conclude(layers, {&past, nullptr});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CAPTURE(i);
    CHECK(layers[i].warning == (i < 4 ? "" : "unlike-past"));
  }
}

TEST_CASE("what began as zeros has no past until it has grown", "[warnings][zeros]") {
  CheckpointRecord first;
  first.layers = blocks_of(64);
  first.provenance.training.step = 0;
  CheckpointRecord before = first;
  before.provenance.training.step = 10;
  CheckpointRecord record = first;
  record.provenance.training.step = 20;
  for (const std::size_t i : {1U, 2U}) {
    first.layers[i].lambda_max = 0, first.layers[i].log_norm = kNan;
  }
  record.layers[1].log_norm += 1.4;  // by the fourth power of the steps: 1.2
  record.layers[2].log_norm += 1.6;
  record.layers[3].log_norm += 1.4;
  conclude(record, {&before, &first});
  CHECK_FALSE(has_warning(record.layers[1], "unlike-past"));
  CHECK(has_warning(record.layers[2], "unlike-past"));
  CHECK(has_warning(record.layers[3], "unlike-past"));
  // It has grown: what it loses is a loss.
  record.layers = blocks_of(64);
  record.layers[1].stable_rank /= 4;
  conclude(record, {&before, &first});
  CHECK(has_warning(record.layers[1], "unlike-past"));
}

TEST_CASE("the past is an earlier checkpoint of the same training, after its first step",
          "[warnings]") {
  const auto warned = [](std::int64_t before, std::int64_t now, AnalysisKind kind,
                         const std::string& mode) {
    CheckpointRecord past;
    past.layers = blocks_of(64);
    past.provenance.training.step = before;
    past.provenance.mode = "corrected";
    CheckpointRecord record = past;
    record.provenance.training.step = now;
    record.provenance.analysis = kind;
    record.provenance.mode = mode;
    for (LayerRow& row : record.layers) row.log_norm += 2;
    conclude(record, {&past, nullptr});
    return record.layers.front().warning;
  };
  CHECK(warned(10, 20, AnalysisKind::weights, "corrected") == "unlike-past");
  CHECK(warned(0, 20, AnalysisKind::weights, "corrected").empty());
  CHECK(warned(-1, 20, AnalysisKind::weights, "corrected").empty());
  CHECK(warned(20, 20, AnalysisKind::weights, "corrected").empty());
  CHECK(warned(10, 20, AnalysisKind::difference, "corrected").empty());
  CHECK(warned(10, 20, AnalysisKind::weights, "weightwatcher").empty());
}

TEST_CASE("compat mode keeps WeightWatcher's words, corrected mode drops them", "[warnings]") {
  CheckpointRecord record;
  record.layers = {usual_layer("v", "attention.v", 1024)};
  record.layers.front().warning = "under-trained";
  record.layers.front().num_pl_spikes = 12;
  record.provenance.mode = "weightwatcher";
  conclude(record);
  CHECK(record.layers.front().warning == "under-trained");
  record.provenance.mode = "corrected";
  conclude(record);
  CHECK(record.layers.front().warning == "small-tail");
}

TEST_CASE("what a row alone says", "[warnings]") {
  LayerRow row = sample_layer("a.mlp");
  CHECK(row_warnings(row).empty());
  row.num_pl_spikes = 19;
  row.matrix_rank = 1;
  CHECK(row_warnings(row) == "small-tail;rank-collapse");
  CHECK(concluded(row).reason == "rank 1 of 4");
  row.status = "no-tail";
  CHECK(row_warnings(row) == "no-tail;rank-collapse");
  row.status = "failed";
  CHECK(row_warnings(row) == "fit-failed;rank-collapse");
  row.status = "nonfinite";
  CHECK(row_warnings(row) == "nonfinite");
  row.status = "error";
  CHECK(row_warnings(row) == "error");
}

TEST_CASE("noise of several views deviates less than of one", "[warnings]") {
  LayerRow row = sample_layer("conv");
  row.N = row.M = row.num_evals = 64;
  CHECK(noise_limit(row) == Approx(3.6 / 64));
  row.num_evals = 9 * 64;
  CHECK(noise_limit(row) == Approx(1.4 / 64));
  CHECK(std::isnan(noise_limit(LayerRow{})));
}

TEST_CASE("rules may use every word, and WeightWatcher's as limits of alpha", "[warnings]") {
  LayerRow row = sample_layer("a.mlp");
  row.warning = "unusual";
  for (const WarningKind& kind : warning_kinds()) {
    const std::string word(kind.word);
    CHECK(metric_value(row, "warning." + word) == (word == "unusual" ? 1 : 0));
    CHECK_FALSE(kind.meaning.empty());
  }
  row.alpha = 1.9;
  CHECK(metric_value(row, "warning.over-trained") == 1);
  CHECK(metric_value(row, "warning.under-trained") == 0);
  row.alpha = 6.1;
  CHECK(metric_value(row, "warning.over-trained") == 0);
  CHECK(metric_value(row, "warning.under-trained") == 1);
  row.alpha = kNan;
  CHECK(metric_value(row, "warning.over-trained") == 0);
  CHECK(error_of([&] {
          (void)metric_value(row, "warning.overtrained");
        }).find("2: unknown warning 'overtrained'. Expected one of error, ") == 0);
}

TEST_CASE("zeros are a warning in trained weights only", "[warnings][zeros]") {
  CheckpointRecord record;
  record.layers = {sample_layer("a.mlp"), sample_layer("b.mlp")};
  LayerRow& zero = record.layers[0];
  zero.status = "failed";
  zero.reason = "all elements are zero";
  zero.lambda_max = zero.norm = 0;
  zero.matrix_rank = 0;
  const auto words = [&](std::int64_t step, AnalysisKind kind) {
    CheckpointRecord copy = record;
    copy.provenance.training.step = step;
    copy.provenance.analysis = kind;
    conclude(copy);
    CHECK(copy.layers[1].warning.empty());
    return copy.layers[0].warning;
  };
  CHECK(words(-1, AnalysisKind::weights) == "all-zero;fit-failed;rank-collapse");
  CHECK(words(7, AnalysisKind::weights) == "all-zero;fit-failed;rank-collapse");
  CHECK(words(7, AnalysisKind::adapter_on_base) == "all-zero;fit-failed;rank-collapse");
  CHECK(words(0, AnalysisKind::weights) == "fit-failed");
  CHECK(words(7, AnalysisKind::difference) == "fit-failed;rank-collapse");
  // Known to be the same as its base.
  zero.weights.base_norm = 3;
  CHECK(words(7, AnalysisKind::difference).empty());
}
