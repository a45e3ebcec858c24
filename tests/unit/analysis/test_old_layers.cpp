#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/analysis/history.hpp"
#include "wishart/analysis/verdict.hpp"

#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::sample_checkpoint;

namespace {

/// A checkpoint at a step, whose three layers have these values; its losses fall.
CheckpointRecord with_values(std::int64_t step, const std::vector<std::string>& hashes) {
  CheckpointRecord record = sample_checkpoint("checkpoint-" + std::to_string(step));
  record.provenance.training.step = step;
  const double loss = 4 / std::log2(static_cast<double>(step + 2));
  record.provenance.training.loss = loss;
  record.provenance.training.eval_loss = loss + 0.1;
  for (std::size_t i = 0; i < hashes.size(); ++i) record.layers[i].hash = hashes[i];
  return record;
}

History history_of(const std::vector<CheckpointRecord>& records) {
  HistoryBuilder builder(3);
  for (const CheckpointRecord& record : records) builder.add(record);
  return builder.take();
}

std::string old_text(const std::vector<CheckpointRecord>& records) {
  return old_layers_text(history_of(records).rows.back());
}

}  // namespace

TEST_CASE("a part that is old while the others move on needs attention", "[history][old-layers]") {
  const std::string tail =
      "changed at other times and others did since: a rank wrote old weights, or ";
  std::vector<CheckpointRecord> records{
      with_values(100, {"a1", "b1", "c1"}), with_values(200, {"a2", "b2", "c2"}),
      with_values(400, {"a3", "b3", "c3"}), with_values(800, {"a4", "b3", "c4"})};
  const std::string one =
      "1 of the 3 matrices of checkpoint-800 (block 1) is that of checkpoint-400, though it " +
      tail + "it was frozen.";
  CHECK(old_text(records) == one);
  const History history = history_of(records);
  CHECK(history.conclusion.advice == Advice::going_on);
  const Verdict verdict = verdict_of(history, test::quiet());
  CHECK(test::told(verdict) ==
        "attention: Keep training: it is still learning. But a part of its last checkpoint may be "
        "old.");
  CHECK(verdict.reasons.at(0).text == one);

  records[3].layers[2].hash = "c2";  // went back, further than the other
  records[3].layers[0].hash = "a2";
  CHECK(old_text(records).empty());  // nothing is new
  records[3].layers[0].hash = "a4";
  CHECK(old_text(records) ==
        "2 of the 3 matrices of checkpoint-800 (blocks 1 to 2) are those of earlier checkpoints, "
        "most of them of checkpoint-200, though they " +
            tail + "they were frozen.");
  records[3].layers[2].hash = "c3";
  records[3].layers[2].block = -1;
  CHECK(old_text(records) ==
        "2 of the 3 matrices of checkpoint-800 (such as b.attn) are those of checkpoint-400, "
        "though they " +
            tail + "they were frozen.");
  for (const std::size_t i : {1U, 2U}) records[3].layers[i].expert = 0;
  CHECK(old_text(records).ends_with("they were frozen, or no token is sent there any more."));
}

TEST_CASE("two saves with the same old part are told at each of them", "[history][old-layers]") {
  const History history =
      history_of({with_values(100, {"a1", "b1", "c1"}), with_values(200, {"a2", "b2", "c2"}),
                  with_values(400, {"a3", "b2", "c3"}), with_values(800, {"a4", "b2", "c4"})});
  CHECK(history.rows[1].old.count == 0);
  CHECK(history.rows[2].old.checkpoint == "checkpoint-200");
  CHECK(history.rows[3].old.checkpoint == "checkpoint-200");
}

TEST_CASE("layers that never changed are frozen, not old", "[history][old-layers]") {
  std::vector<CheckpointRecord> records{
      with_values(0, {"a0", "b", "c"}), with_values(100, {"a1", "b", "c"}),
      with_values(200, {"a2", "b", "c"}), with_values(400, {"a3", "b", "c"})};
  CHECK(old_text(records).empty());
  // Nor are those that were only written in another type at first.
  records[0].layers[1].hash = "b of float32";
  records[0].layers[1].dtype = "F32";
  CHECK(old_text(records).empty());
  records[0].layers[1].dtype = records[1].layers[1].dtype;
  CHECK_FALSE(old_text(records).empty());
  // Nor those that were thawed: they go on.
  records[0].layers[1].hash = "b";
  records[3].layers[1].hash = "b3";
  CHECK(old_text(records).empty());
  // A part that is not known is not judged.
  records[1].layers[1].hash = "b1";
  records[3].layers[1].hash.clear();
  CHECK(old_text(records).empty());
}

TEST_CASE("layers that are trained by turns rest, and are not old", "[history][old-layers]") {
  std::vector<CheckpointRecord> records{
      with_values(100, {"a1", "b1", "c1"}), with_values(200, {"a2", "b2", "c2"}),
      with_values(300, {"a3", "b2", "c3"}), with_values(400, {"a4", "b4", "c4"}),
      with_values(500, {"a5", "b4", "c5"})};
  CHECK(old_text({records.begin(), records.begin() + 3}).empty() == false);  // the first time
  CHECK(old_text(records).empty());
  // Values of long ago are those of no rest.
  records[4].layers[1].hash = "b1";
  CHECK_FALSE(old_text(records).empty());
}

TEST_CASE("another stage begins anew, also with layers frozen", "[history][old-layers]") {
  std::vector<CheckpointRecord> records{
      with_values(100, {"a1", "b1", "c1"}), with_values(200, {"a2", "b2", "c2"}),
      with_values(300, {"a3", "b2", "c3"}), with_values(400, {"a4", "b2", "c4"})};
  const char* ids[] = {"stage1-step100", "stage1-step200", "stage2-step300", "stage2-step400"};
  for (std::size_t i = 0; i < 4; ++i) records[i].provenance.checkpoint_id = ids[i];
  CHECK(old_text(records).empty());
}
