/// @file
/// Matrices of a checkpoint that are copies of each other: which need attention, and which are
/// what a training begins with.

#include <cstdint>
#include <string>

#include <catch2/catch.hpp>

#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

namespace {

/// `blocks` blocks with the same roles in each, and `experts` experts of two roles, all different.
CheckpointRecord of_blocks(std::int64_t blocks, std::int64_t experts) {
  CheckpointRecord record;
  const auto add = [&](std::int64_t block, std::int64_t expert, const std::string& role) {
    const std::string key =
        std::to_string(block) + (expert < 0 ? "." : "." + std::to_string(expert) + ".") + role;
    LayerRow row = sample_layer(key, key);
    row.role = role;
    row.stack = "model";
    row.block = block;
    row.expert = expert;
    add_layer(record, row);
  };
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (const char* role : {"attention.k", "attention.v"}) add(block, -1, role);
    for (std::int64_t expert = 0; expert < experts; ++expert) {
      for (const char* role : {"mlp.gate", "mlp.up"}) add(block, expert, role);
    }
  }
  return record;
}

/// All experts of a block become its first.
void make_equal(CheckpointRecord& record, std::int64_t block) {
  for (LayerRow& row : record.layers) {
    if (row.block == block && row.expert >= 0) row.hash = std::to_string(block) + row.role;
  }
}

}  // namespace

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
}

TEST_CASE("experts that are copies need attention unless a training begins with them",
          "[verdict][copies]") {
  CheckpointRecord record = of_blocks(3, 4);
  CHECK(verdict_of(record).level == Level::good);
  make_equal(record, 1);
  CHECK(told(verdict_of(record)) ==
        "attention: None of the 30 layers needs attention by itself, but experts are copies.");
  CHECK(has_reason(verdict_of(record),
                   "8 matrices of experts are copies of one matrix of their block, such as "
                   "1.0.mlp.gate, while those of 2 other blocks differ: they were written wrongly, "
                   "or merged."));
  for (const std::int64_t block : {0, 2}) make_equal(record, block);
  for (const std::int64_t step : {-1, 0}) {  // up-cycled
    record.provenance.training.step = step;
    CHECK(verdict_of(record).level == Level::good);
    CHECK(has_reason(verdict_of(record),
                     "24 matrices of experts are copies of one matrix of their block, such as "
                     "0.0.mlp.gate: up-cycled experts at the start have them."));
  }
  record.provenance.training.step = 8000;
  CHECK(verdict_of(record).level == Level::attention);
  CHECK(has_reason(verdict_of(record),
                   "0.0.mlp.gate: if they were copied before step 8000, they are frozen, get the "
                   "same gradients or were written wrongly."));
  // Blocks without experts have none that part.
  record = of_blocks(2, 4);
  for (const std::int64_t block : {0, 1}) make_equal(record, block);
  add_layer(record, sample_layer("dense.mlp", "dense"));
  record.layers.back().block = 2;
  CHECK(verdict_of(record).level == Level::good);
}

TEST_CASE("matrices of two roles in a block that are equal need attention", "[verdict][copies]") {
  CheckpointRecord record = of_blocks(3, 0);
  for (const std::size_t i : {1U, 3U}) record.layers[i].hash = record.layers[i - 1].hash;
  CHECK(told(verdict_of(record)) ==
        "attention: None of the 6 layers needs attention by itself, but different matrices of a "
        "block are equal.");
  CHECK(verdict_of(record).reasons.at(0).text ==
        "4 matrices have the elements of one of another role in their block, such as 0.attention.v "
        "those of 0.attention.k: a fused tensor was split wrongly, one serves as both on "
        "purpose, or one began as the other.");
  record.provenance.training.step = 0;
  CHECK(verdict_of(record).level == Level::good);
  record.provenance.training.step = 7;
  CHECK(verdict_of(record).level == Level::attention);
  SECTION("not heads of one role, nor tables of tokens that are tied") {
    for (LayerRow& row : record.layers) row.role = "attention.k";
    CHECK(verdict_of(record).level == Level::good);
    for (LayerRow& row : record.layers)
      row.role = row.key.ends_with("k") ? "head" : "embedding.token";
    CHECK(verdict_of(record).level == Level::good);
  }
  SECTION("not a teacher beside its student, nor other elements of one shape") {
    for (const std::size_t i : {1U, 3U}) record.layers[i].stack = "teacher";
    CHECK(verdict_of(record).level == Level::good);
  }
  SECTION("also within an expert") {
    record = of_blocks(2, 2);
    record.layers[3].hash = record.layers[2].hash;
    CHECK(verdict_of(record).level == Level::attention);
    CHECK(has_reason(verdict_of(record), "0.0.mlp.up those of 0.0.mlp.gate"));
  }
}
