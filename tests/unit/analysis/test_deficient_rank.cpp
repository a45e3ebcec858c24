/// @file
/// Singular values that are zero: against others of the shape, and by the share that they are.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/row_warnings.hpp"

#include "warning_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::blocks_of;

namespace {

/// Blocks with one layer of each role, which all have this rank of 128.
std::vector<LayerRow> attention_of(std::int64_t blocks, const std::vector<std::string>& roles,
                                   std::int64_t rank) {
  std::vector<LayerRow> layers;
  for (const std::string& role : roles) {
    for (LayerRow row : blocks_of(128)) {
      if (row.block >= blocks) continue;
      row.key += "." + role;
      row.role = role;
      row.matrix_rank = rank;
      layers.push_back(row);
    }
  }
  return layers;
}

const std::vector<std::string> kAttention{"attention.q", "attention.k", "attention.v",
                                          "attention.o"};

/// The warnings of all layers, each once.
std::string words_of(std::vector<LayerRow> layers, bool initial = false) {
  PastLayers past;
  past.initial = initial;
  conclude(layers, past);
  std::vector<std::string> words;
  for (const LayerRow& row : layers) words.push_back(row.warning);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

}  // namespace

TEST_CASE("singular values that are zero where those of the shape are not", "[warnings]") {
  std::vector<LayerRow> layers = blocks_of(64);
  layers[0].matrix_rank = 60;
  layers[1].matrix_rank = 61;
  layers[2].matrix_rank = 31;
  conclude(layers);
  CHECK(layers[0].warning == "rank-deficient");
  CHECK(layers[0].reason ==
        "4 of 64 singular values are zero, at most 1 % of those of 9 others of its shape");
  CHECK(layers[1].warning.empty());
  CHECK(layers[2].warning == "rank-collapse");
  const auto warned = [](std::vector<LayerRow> some, AnalysisKind kind = AnalysisKind::weights) {
    CheckpointRecord record;
    record.layers = std::move(some);
    record.provenance.analysis = kind;
    conclude(record);
    return std::count_if(record.layers.begin(), record.layers.end(),
                         [](const LayerRow& row) { return has_warning(row, kRankDeficient); });
  };
  // All of a role, beside others of the shape.
  std::vector<LayerRow> two = blocks_of(64);
  for (const LayerRow& row : blocks_of(64)) {
    two.push_back(row);
    two.back().key += ".o";
    two.back().role = "attention.o";
    two.back().matrix_rank = 38;
  }
  CHECK(warned(two) == 12);
  CHECK(warned(two, AnalysisKind::difference) == 0);
  // As after pruning: most of a shape are deficient.
  two[0].matrix_rank = 38;
  CHECK(warned(two) == 0);
  // Words that are never used, and too few to be held against.
  two = blocks_of(64);
  two[0].matrix_rank = 38;
  two[0].role = "embedding.token";
  CHECK(warned(two) == 0);
  two[0].role = "attention.q";
  CHECK(warned(two) == 1);
  two.resize(8);
  CHECK(warned(two) == 0);
}

TEST_CASE("tables of positions have collapsed only if they tell none apart", "[warnings]") {
  LayerRow table = test::sample_layer("encoder.embed_positions");
  table.role = "embedding.position";
  table.N = table.M = table.num_evals = 512;
  table.matrix_rank = 124;  // sines and cosines
  CHECK(row_warnings(table).empty());
  table.matrix_rank = 1;
  CHECK(row_warnings(table) == "rank-collapse");
  table.matrix_rank = 124;
  table.role = "embedding.token";
  CHECK(row_warnings(table) == "rank-collapse");
}

TEST_CASE("a shard that was written twice leaves a simple share of the rank", "[warnings]") {
  std::vector<LayerRow> layers = attention_of(3, kAttention, 64);
  conclude(layers);
  CHECK(layers[5].warning == "rank-deficient");
  CHECK(layers[5].reason ==
        "64 of 128 singular values are zero, exactly 1/2, as in all 3 of its role and shape: a "
        "shard was written twice, heads are zero, or the model was cut to this rank or widened by "
        "copies");
  CHECK(words_of(attention_of(3, kAttention, 96)) == "rank-deficient");   // 3 of 4
  CHECK(words_of(attention_of(3, kAttention, 112)) == "rank-deficient");  // 7 of 8
  CHECK(words_of(attention_of(3, kAttention, 120)) == "rank-deficient");  // 15 of 16
  CHECK(words_of(attention_of(3, kAttention, 32)) == "rank-collapse");    // all of them one
  // Queries and outputs alone, where keys are shorter.
  CHECK(words_of(attention_of(3, {"attention.q"}, 64)) == "rank-deficient");
}

TEST_CASE("other ranks that lack something have lost no shard", "[warnings]") {
  CHECK(words_of(attention_of(3, kAttention, 128)).empty());
  CHECK(words_of(attention_of(3, kAttention, 127)).empty());  // centred
  CHECK(words_of(attention_of(3, kAttention, 97)).empty());   // no share of a power of two
  CHECK(words_of(attention_of(2, kAttention, 64)).empty());   // two may be alike by chance
  // A model that was made wider repeats its parts, until it is trained.
  CHECK(words_of(attention_of(3, kAttention, 64), true).empty());
  // Pruned: not as many heads in each block.
  std::vector<LayerRow> pruned = attention_of(6, kAttention, 96);
  for (LayerRow& row : pruned) row.matrix_rank = row.block % 2 == 0 ? 96 : 112;
  CHECK(words_of(pruned).empty());
}

TEST_CASE("heads of grouped queries that are repeated are lawful", "[warnings]") {
  const auto with_keys = [](std::int64_t rank) {
    std::vector<LayerRow> layers = attention_of(12, {"attention.q", "attention.o"}, 128);
    for (const LayerRow& row : attention_of(12, {"attention.k", "attention.v"}, rank)) {
      layers.push_back(row);
    }
    return layers;
  };
  for (const std::int64_t rank : {64, 32, 16, 8}) CHECK(words_of(with_keys(rank)).empty());
  std::vector<LayerRow> layers = with_keys(32);
  conclude(layers);
  CHECK(layers.back().reason == "rank 32 of 128; heads of grouped queries, each written 4 times");
  CHECK(words_of(with_keys(96)) == "rank-deficient");  // repeats leave no 3/4
  CHECK(words_of(with_keys(4)) == "rank-collapse");
  layers.front().matrix_rank = 64;  // the queries of a block lack some too
  CHECK(words_of(layers) == "rank-collapse,rank-deficient");
}
