#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/analysis/history.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/left_out.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::sample_checkpoint;

namespace {

/// A checkpoint whose layers all have `alpha`, and values of their own.
CheckpointRecord at_step(std::int64_t step, double alpha, double loss, double eval_loss = kNan) {
  CheckpointRecord record = sample_checkpoint("checkpoint-" + std::to_string(step));
  record.provenance.training.step = step;
  record.provenance.training.tokens = step * 1000;
  record.provenance.training.loss = loss;
  record.provenance.training.eval_loss = eval_loss;
  for (LayerRow& row : record.layers) {
    row.alpha = alpha;
    row.hash = std::to_string(step);
  }
  return record;
}

History history_of(const std::vector<CheckpointRecord>& records, std::int64_t window = 3) {
  HistoryBuilder builder(window);
  for (const CheckpointRecord& record : records) builder.add(record);
  return builder.take();
}

}  // namespace

TEST_CASE("checkpoints are put in the order of their steps", "[history]") {
  const History history = history_of({at_step(300, 3, 1), at_step(0, 5, 3), at_step(50, 4, 2)});
  REQUIRE(history.rows.size() == 3);
  CHECK(history.rows[0].step == 0);
  CHECK(history.rows[1].step == 50);
  CHECK(history.rows[2].step == 300);
  CHECK(history.rows[1].alpha == 4);
  CHECK(history.by_tokens);
  CHECK(history.conclusion.best_checkpoint == "checkpoint-300");
}

TEST_CASE("a later stage comes after an earlier one, whatever its steps", "[history]") {
  CheckpointRecord early = at_step(900, 3, 1);
  CheckpointRecord late = at_step(1, 2.5, 1);
  early.provenance.checkpoint_id = "stage1-step900";
  late.provenance.checkpoint_id = "stage2-step1";
  const History history = history_of({late, early});
  CHECK(history.rows[0].checkpoint == "stage1-step900");
  CHECK(history.rows[1].checkpoint == "stage2-step1");
}

TEST_CASE("layers that rest are settled, moving ones are not", "[history]") {
  std::vector<CheckpointRecord> records;
  for (int i = 0; i < 4; ++i) records.push_back(at_step(100 << i, 3 + 0.001 * (i % 2), 2));
  records[3].layers[0].alpha = 5;         // beyond 1.96 * 0.3 * sqrt(2)
  records[3].layers[1].log_norm += 0.02;  // beyond kNormResolution
  const History history = history_of(records);
  CHECK(std::isnan(history.rows[1].settled_share));  // the window is not full
  CHECK(history.rows[2].settled_share == 1);
  CHECK(history.rows[3].settled_share == Approx(1.0 / 3));
}

TEST_CASE("a layer with the same values is unchanged, and settled also without a fit",
          "[history]") {
  std::vector<CheckpointRecord> records{at_step(1, 3, 2), at_step(2, 3, 2), at_step(3, 3, 2)};
  for (CheckpointRecord& record : records) {
    record.layers[0].hash = "frozen";
    for (LayerRow& row : record.layers) row.alpha = kNan;
  }
  const History history = history_of(records);
  CHECK(history.rows[0].unchanged == 0);
  CHECK(history.rows[2].unchanged == 1);
  CHECK(history.rows[2].settled_share == Approx(1.0 / 3));
}

TEST_CASE("a run whose matrices all stand still has no advice", "[history][same-weights]") {
  std::vector<CheckpointRecord> records{at_step(100, 3, 2.4, 2.5), at_step(200, 3, 2.1, 2.2),
                                        at_step(400, 3, 1.9, 2.0), at_step(800, 3, 1.7, 1.8)};
  CHECK(history_of(records).conclusion.advice == Advice::going_on);
  for (CheckpointRecord& record : records) {
    for (LayerRow& row : record.layers) row.hash = row.key;
  }
  CHECK(history_of(records).conclusion.same_as == "checkpoint-100");
  records[3].layers[2].hash = "trained";
  CHECK(history_of(records).conclusion.advice == Advice::going_on);
  records[3].layers[2].hash = records[0].layers[2].hash;
  SkippedRow left_out;
  left_out.tensor = "d.mlp";
  left_out.reason = kLeftOut;
  for (CheckpointRecord& record : records) record.skipped.push_back(left_out);
  CHECK(history_of(records).conclusion.advice == Advice::going_on);  // --layers: d.mlp may change
  for (CheckpointRecord& record : records) record.skipped.clear();
  records[3].layers[2].hash.clear();
  CHECK(history_of(records).conclusion.advice == Advice::going_on);  // not known
}

TEST_CASE("nobody is sent back to zeros", "[history][zeros]") {
  std::vector<CheckpointRecord> records{at_step(100, 3, 2.1, 2.2), at_step(200, 3, 1.7, 2.1),
                                        at_step(400, 3, 1.2, 2.6), at_step(800, 3, 0.6, 3.9)};
  CHECK(history_of(records).conclusion.best_checkpoint == "checkpoint-200");
  records[1].layers[0].lambda_max = 0;
  REQUIRE(is_all_zero(records[1].layers[0]));
  CHECK(history_of(records).conclusion.best_checkpoint == "checkpoint-100");
}

TEST_CASE("a layer without a tail is settled by its norms", "[history]") {
  std::vector<CheckpointRecord> records{at_step(1, 3, 2), at_step(2, 3, 2), at_step(3, 3, 2)};
  for (CheckpointRecord& record : records) {
    record.layers[0].alpha = kNan;
    record.layers[0].status = "no-tail";
  }
  History history = history_of(records);
  CHECK(history.rows[2].fitted == 2);
  CHECK(history.rows[2].alpha == 3);
  CHECK(history.rows[2].settled_share == 1);
  records[2].layers[0].alpha = 1.5;
  records[2].layers[0].status = "success";
  history = history_of(records);
  CHECK(history.rows[2].settled_share == Approx(2.0 / 3));
}

TEST_CASE("layers are compared with their past in the same stage", "[history]") {
  std::vector<CheckpointRecord> records{at_step(0, 3, 2), at_step(1, 3, 2), at_step(2, 3, 2),
                                        at_step(3, 3, 2)};
  for (CheckpointRecord& record : records) {
    record.layers[2].hash = "frozen";
    for (LayerRow& row : record.layers) row.num_evals = 20, row.null_spikes = 0;
  }
  for (LayerRow& row : records[1].layers) row.null_spikes = 2;
  records[1].layers[1].null_spikes = 1;  // may be chance
  records[2].layers[0].log_norm -= 0.3;
  records[2].layers[1].log_norm += 0.1;
  records[2].layers[1].log_spectral_norm += 0.5;
  SECTION("in one stage") {
    const History history = history_of(records);
    CHECK(history.rows[0].trained == 0);
    CHECK(std::isnan(history.rows[0].norm_moved));
    CHECK(history.rows[1].drowned == 0);
    CHECK(history.rows[2].trained == 2);
    CHECK(history.rows[2].drowned == 1);
    CHECK(history.rows[2].norm_moved == Approx(0.2));
    CHECK(history.rows[2].spectral_norm_moved == Approx(0.25));
    records[2].layers[0].num_evals = 19;  // too few to be told from noise
    CHECK(history_of(records).rows[2].drowned == 0);
  }
  SECTION("a stage has no past before it") {
    for (std::size_t i = 0; i < records.size(); ++i) {
      records[i].provenance.checkpoint_id =
          (i < 2 ? "stage1-step" : "stage2-step") + std::to_string(i);
    }
    const History history = history_of(records);
    CHECK(history.rows[1].trained == 2);
    CHECK(history.rows[2].trained == 0);
    CHECK(history.rows[3].drowned == 0);
    CHECK(history.rows[3].norm_moved == Approx(0.2));
  }
}

TEST_CASE("a history concludes at its last checkpoint, and names the layers that grew",
          "[history]") {
  CHECK(history_of({at_step(1, 3, 2)}).conclusion.advice == Advice::unknown);
  std::vector<CheckpointRecord> falling;
  std::vector<CheckpointRecord> harmed;
  for (int i = 0; i < 5; ++i) {
    falling.push_back(at_step(100 << i, 6 - 0.5 * i, 4 - 0.5 * i));
    harmed.push_back(at_step(100 << i, 3, 2 - 0.2 * i, 2 + 0.1 * i));
    harmed.back().layers[1].log_norm += 0.3 * i;
    harmed.back().layers[0].log_norm += 0.1 * i;
  }
  CHECK(history_of(falling).conclusion.advice == Advice::going_on);
  CHECK(history_of(falling).alpha.slope == Approx(-0.5));
  const History harm = history_of(harmed);
  CHECK(harm.loss_is_eval);
  CHECK(harm.conclusion.advice == Advice::overfitting);
  CHECK(harm.conclusion.best_checkpoint == "checkpoint-100");
  REQUIRE(harm.conclusion.reasons.size() == 2);
  CHECK(harm.conclusion.reasons[1] == "Since checkpoint-100 the squared norm grew most in " +
                                          harmed[0].layers[1].key + " (x16), " +
                                          harmed[0].layers[0].key + " (x2.5).");
}

TEST_CASE("the length of the vocabulary is that of the embedding, else the head's smaller side",
          "[history]") {
  std::vector<CheckpointRecord> records{at_step(0, 3, kNan, 5.55), at_step(100, 3, 5.5, 5.5),
                                        at_step(200, 3, 5.5, 5.4999)};
  const auto reason = [&](const std::string& role, std::int64_t rows, std::int64_t cols) {
    for (CheckpointRecord& record : records) {
      record.layers[0].role = role;
      record.layers[0].rows = rows, record.layers[0].cols = cols;
    }
    return history_of(records).conclusion.reasons.at(0);
  };
  CHECK(reason("embedding.token", 64, 256).find("each of the 256 tokens") != std::string::npos);
  CHECK(reason("head", 10, 256).find("falls") == std::string::npos);
  for (CheckpointRecord& record : records) {
    record.provenance.training.eval_loss = 2.3 - 1e-9 * static_cast<double>(&record - &records[0]);
  }
  CHECK(reason("head", 10, 256).find("a guess among 10 classes") != std::string::npos);
}

TEST_CASE("the vocabulary is the side of the embedding that no other matrix has", "[history]") {
  std::vector<CheckpointRecord> records{at_step(100, 3, 3.3, 3.3), at_step(200, 3, 3.29, 3.295),
                                        at_step(300, 3, 3.28, 3.294)};
  for (CheckpointRecord& record : records) {
    for (LayerRow& row : record.layers) row.rows = row.cols = 512;
    record.layers[0].role = "embedding.token";
    record.layers[0].rows = 27;
  }
  CHECK(history_of(records).conclusion.reasons.at(0).find("a guess among 27 classes") !=
        std::string::npos);
  // A head for two classes, too small to be analysed: no tokens are predicted.
  for (CheckpointRecord& record : records) {
    record.skipped.push_back({"score.weight", "F32", "2 x 512", 1024, "too-small", ""});
  }
  CHECK(history_of(records).conclusion.advice == Advice::unknown);
}

TEST_CASE("tokens that restart are no measure of the training", "[history]") {
  std::vector<CheckpointRecord> records{at_step(100, 3, 2), at_step(200, 3, 1.8),
                                        at_step(300, 3, 1.6)};
  CHECK(history_of(records).by_tokens);
  records[2].provenance.training.tokens = 50000;
  CHECK_FALSE(history_of(records).by_tokens);
  for (CheckpointRecord& record : records) record.provenance.training.tokens = 0;
  CHECK_FALSE(history_of(records).by_tokens);
}

TEST_CASE("two runs in one archive are told, copies of a checkpoint are left out", "[history]") {
  const auto named = [](const std::string& id, std::int64_t step, double loss) {
    CheckpointRecord record = at_step(step, 3, loss, loss);
    record.provenance.checkpoint_id = id;
    record.provenance.checkpoint_identity = id;
    return record;
  };
  std::vector<CheckpointRecord> records;
  for (const std::int64_t step : {100, 200, 300}) {
    records.push_back(named("A-checkpoint-" + std::to_string(step), step,
                            500.0 / (static_cast<double>(step) + 100.0)));
    records.push_back(named("A-checkpoint-" + std::to_string(step) + "-int8", step, 9));
  }
  records.push_back(named("q", 300, 9));
  const History copies = history_of(records);
  REQUIRE(copies.rows.size() == 3);
  CHECK(copies.rows[2].checkpoint == "A-checkpoint-300");
  CHECK(copies.left_out.size() == 4);
  CHECK(copies.conclusion.advice == Advice::going_on);
  for (const std::int64_t step : {200, 300}) {
    records.push_back(named("B-checkpoint-" + std::to_string(step), step, 3));
  }
  const History two = history_of(records);
  CHECK(two.rows.size() == 3);
  CHECK(two.conclusion.advice == Advice::unknown);
  CHECK(two.conclusion.reasons.at(0) ==
        "This may be more than one run: B-checkpoint-200 and B-checkpoint-300 are of another than "
        "A-checkpoint-300, as their names or folders tell. Keep an archive for each run.");
}

TEST_CASE("the share of settled layers among the trained is a share", "[history][losses]") {
  std::vector<CheckpointRecord> records{at_step(1, 3, kNan), at_step(2, 3.3, kNan),
                                        at_step(3, 3.6, kNan)};
  for (std::size_t i = 0; i < records.size(); ++i) {
    for (LayerRow& row : records[i].layers) row.log_norm += static_cast<double>(i);
  }
  const auto reason = [&] { return history_of(records).conclusion.reasons.at(0); };
  const std::string none = "The layers still change: 0 % of those that are trained have settled.";
  CHECK(reason() == none);
  // Two rest since the checkpoint before. They were trained in the window, and have not settled.
  records[2].layers[0] = records[1].layers[0];
  records[2].layers[1] = records[1].layers[1];
  CHECK(history_of(records).rows[2].unchanged == 2);
  CHECK(history_of(records).rows[2].settled_share == 0);
  CHECK(reason() == none);
  // Two are the same throughout the window: settled, but not trained.
  records[0].layers[0] = records[1].layers[0];
  records[0].layers[1] = records[1].layers[1];
  CHECK(history_of(records).rows[2].settled_share == Approx(2.0 / 3));
  CHECK(reason() == none);
}

TEST_CASE("the trend of the losses is that of measured ones", "[history][losses]") {
  std::vector<CheckpointRecord> records;
  for (int i = 0; i < 6; ++i) records.push_back(at_step(100 << i, 3, 3 - 0.2 * i, i == 0 ? 4 : 3));
  const History history = history_of(records);
  CHECK_FALSE(history.loss_is_eval);
  CHECK(history.loss.slope == Approx(-0.2));
  CHECK(history.conclusion.advice == Advice::going_on);
}

TEST_CASE("layers that drift are named with what they were and are", "[history]") {
  std::vector<CheckpointRecord> records{at_step(1, 3, 2), at_step(2, 3, 2)};
  records[1].layers[0].alpha = 1.5;  // no drift
  records[1].layers[1].num_outliers = 2;
  records[1].layers[2].matrix_rank = 2;
  const std::vector<Drift> drifts = history_of(records).drifts;
  REQUIRE(drifts.size() == 2);
  CHECK(drifts[0].why == "new-outliers");
  CHECK(drifts[0].key == "b.attn");
  CHECK(drifts[0].before == 0);
  CHECK(drifts[0].now == 2);
  CHECK(drifts[1].why == "rank-falls");
}

TEST_CASE("where both checkpoints were randomised, new traps are told and not outliers",
          "[history]") {
  std::vector<CheckpointRecord> records{at_step(1, 3, 2), at_step(2, 3, 2)};
  const auto whys = [&] {
    std::vector<std::string> found;
    for (const Drift& drift : history_of(records).drifts) found.push_back(drift.key + drift.why);
    return found;
  };
  const std::string first = records[0].layers[0].key;
  records[1].layers[0].num_outliers = 2;
  records[1].layers[0].weights.num_traps = 1;
  CHECK(whys() == std::vector<std::string>{first + "new-outliers"});  // only one was randomised
  records[0].layers[0].weights.num_traps = 0;
  CHECK(whys() == std::vector<std::string>{first + "new-traps"});
  records[1].layers[0].weights.num_traps = 0;
  CHECK(whys().empty());
}

TEST_CASE("an empty history has nothing to say", "[history]") {
  const History history = history_of({});
  CHECK(history.rows.empty());
  CHECK(history.conclusion.advice == Advice::unknown);
}

TEST_CASE("layers that are missing are no change of the others", "[history]") {
  std::vector<CheckpointRecord> records;
  for (const std::int64_t step : {100, 200, 300}) {
    records.push_back(at_step(step, 3, kNan));
    CheckpointRecord& record = records.back();
    record.provenance.training.tokens = -1;
    // The small layers have other alphas, norms and entropies than the large one.
    for (LayerRow& row : record.layers)
      row.log_norm = row.log_spectral_norm = -2, row.entropy = 0.9;
    record.layers[0].log_norm = 3 + 1e-5 * static_cast<double>(step);
    record.layers[0].log_spectral_norm = 2;
    record.layers[0].alpha = 2.5;
    record.layers[0].entropy = 0.1;
  }
  const History whole = history_of(records);
  CHECK(whole.conclusion.advice == Advice::settled);
  CHECK(whole.rows[2].missing == 0);
  records[2].layers.resize(1);
  const History history = history_of(records);
  CHECK(history.rows[1].missing == 0);
  CHECK(history.rows[2].missing == 2);
  CHECK(history.rows[2].spectral_norm_step == 0);
  CHECK(history.rows[2].spectral_norm_risen == 0);
  CHECK(history.rows[2].norm_risen == Approx(0.002));
  CHECK(history.rows[2].settled_share == Approx(1.0 / 3));
  CHECK(history.alpha.slope == 0);
  CHECK(history.conclusion.advice == Advice::unknown);
  CHECK(history.conclusion.reasons.at(0) ==
        "checkpoint-300 is incomplete: it has 1 of the 3 layers of its run.");
}

TEST_CASE("what did not grow at the digits shown did not grow most", "[history]") {
  std::vector<CheckpointRecord> records;
  for (const std::int64_t step : {100, 200, 300}) records.push_back(at_step(step, 3, kNan));
  for (LayerRow& row : records[2].layers) row.log_spectral_norm += 2, row.log_norm += 1e-4;
  CHECK(history_of(records).conclusion.advice == Advice::diverging);
  CHECK(history_of(records).conclusion.reasons.size() == 1);
  records[2].layers[1].log_norm += 1;
  CHECK(history_of(records).conclusion.reasons.at(1) ==
        "Since checkpoint-100 the squared norm grew most in b.attn (x10).");
}

TEST_CASE("the alpha of a failed fit counts nowhere in a history", "[history]") {
  std::vector<CheckpointRecord> records{at_step(1, 3, 2), at_step(2, 3, 2)};
  for (CheckpointRecord& record : records) {
    record.layers[0].status = "failed";  // as in compat mode
    record.layers[0].alpha = record.layers[0].D = record.layers[0].sigma = -1;
    record.layers[1].alpha = 1.5;
  }
  const History history = history_of(records);
  const HistoryRow& last = history.rows.back();
  CHECK(last.over_trained == 1);
  CHECK(last.under_trained == 0);
  CHECK(last.fitted == 2);
  CHECK(last.alpha == 2.25);
  CHECK(std::isnan(history.courses.front().alpha.back()));
  CHECK(std::isnan(history.courses.front().D.back()));
}

TEST_CASE("layers that began as zeros do not jump while they grow", "[history][zeros]") {
  const auto run = [](std::int64_t begin, double growth) {
    std::vector<CheckpointRecord> records;
    for (int i = 0; i < 4; ++i) {
      records.push_back(at_step(i == 0 ? begin : 10LL << i, 3, kNan));
      LayerRow& row = records.back().layers[0];
      row.log_spectral_norm = growth * i;
      if (i == 0) row.lambda_max = 0, row.log_spectral_norm = kNan;
    }
    return history_of(records).rows;
  };
  CHECK(run(0, 1.2)[2].spectral_norm_step == 0);
  CHECK(run(0, 3)[2].spectral_norm_step == Approx(1));
  CHECK(run(5, 1.2)[2].spectral_norm_step == Approx(0.4));  // zeros that were no beginning
}
