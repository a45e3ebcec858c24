#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/analysis/population.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::add_layer;
using test::sample_checkpoint;
using test::sample_layer;

namespace {

const ComparisonRow& row_of(const Comparison& comparison, const std::string& key) {
  const auto found = std::find_if(comparison.rows.begin(), comparison.rows.end(),
                                  [&](const ComparisonRow& row) { return row.key == key; });
  REQUIRE(found != comparison.rows.end());
  return *found;
}

}  // namespace

TEST_CASE("a checkpoint beside itself has not changed", "[compare]") {
  const Comparison comparison = compare(sample_checkpoint(), sample_checkpoint());
  REQUIRE(comparison.rows.size() == 3);
  CHECK(comparison.notes.empty());
  for (const ComparisonRow& row : comparison.rows) {
    CHECK(row.status == Change::same);
    CHECK(row.moved == 0);
    CHECK(row.alpha_change == 0);
    CHECK_FALSE(row.significant);
  }
}

TEST_CASE("added, removed and reshaped layers come first, in that they are told", "[compare]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  b.layers[0].rows = 16;
  b.layers[1].key = "d.attn";
  b.layers[2].hash = "2";
  b.spectra[2].sigma = {1, 2, 3, 5};
  const Comparison comparison = compare(a, b);
  CHECK(comparison.a == "a");
  CHECK(comparison.b == "b");
  std::vector<std::string> order;
  for (const ComparisonRow& row : comparison.rows)
    order.push_back(row.key + " " + std::string(change_name(row.status)));
  CHECK(order == std::vector<std::string>{"b.attn removed", "d.attn added", "a.mlp reshaped",
                                          "c.mlp changed"});
}

TEST_CASE("the error beside the largest singular value follows from the norms", "[compare]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  for (LayerRow& row : b.layers) row.hash = "2";
  // |E|^2 is 0.04 of |A|^2; stable rank 3, M = 4: sqrt(0.04 * 3 / 4).
  b.layers[0].log_norm = a.layers[0].log_norm + std::log10(1.04);  // rounded
  b.layers[1].log_norm = a.layers[1].log_norm + std::log10(0.96);  // pruned
  b.layers[2].log_norm = kNan;
  const Comparison comparison = compare(a, b);
  CHECK(row_of(comparison, "a.mlp").error_ratio == Approx(std::sqrt(0.03)));
  CHECK(row_of(comparison, "b.attn").error_ratio == Approx(std::sqrt(0.03)));
  CHECK(std::isnan(row_of(comparison, "c.mlp").error_ratio));
  CHECK(row_of(compare(a, a), "a.mlp").error_ratio == 0);
  b.layers[0].rows = 16;
  CHECK(std::isnan(row_of(compare(a, b), "a.mlp").error_ratio));
}

TEST_CASE("moved bounds the distance of the weights from below", "[compare]") {
  // diag(1, 2, 3, 4) to diag(1, 2, 3, 5): the distance is 1, the norm sqrt(30), and for diagonal
  // matrices in one order the bound is met.
  CheckpointRecord b = sample_checkpoint("b");
  b.layers[0].hash = "2";
  b.spectra[0].sigma = {1, 2, 3, 5};
  const Comparison comparison = compare(sample_checkpoint(), b);
  CHECK(row_of(comparison, "a.mlp").moved == Approx(1 / std::sqrt(30.0)).epsilon(1e-14));
  CHECK(comparison.rows.front().key == "a.mlp");
}

TEST_CASE("other values with the same spectrum are rearranged", "[compare]") {
  CheckpointRecord b = sample_checkpoint("b");
  b.layers[0].hash = "2";
  CHECK(row_of(compare(sample_checkpoint(), b), "a.mlp").status == Change::rearranged);
  b.layers[0].has_esd = false;
  CHECK(row_of(compare(sample_checkpoint(), b), "a.mlp").status == Change::unknown);
  b = sample_checkpoint("b");
  b.layers[0].hash = "2";
  b.spectra.clear();  // not read
  CHECK(row_of(compare(sample_checkpoint(), b), "a.mlp").status == Change::changed);
  CHECK(std::isnan(row_of(compare(sample_checkpoint(), b), "a.mlp").moved));
}

TEST_CASE("a change of alpha is compared with the errors of both fits", "[compare]") {
  CheckpointRecord b = sample_checkpoint("b");
  for (LayerRow& row : b.layers) row.hash = "2";
  b.layers[0].alpha = 3 + 3 * 0.3 * std::sqrt(2.0);  // three standard errors
  b.layers[1].alpha = kNan;
  b.layers[1].sigma = kNan;
  const Comparison comparison = compare(sample_checkpoint(), b);
  const ComparisonRow& row = row_of(comparison, "a.mlp");
  CHECK(row.alpha_z == Approx(3).epsilon(1e-12));
  CHECK(row.alpha_p == Approx(0.0026997960632601913).epsilon(1e-10));  // of the normal law
  CHECK(row.alpha_q == Approx(2 * row.alpha_p).epsilon(1e-12));        // two layers have a p
  CHECK(row.significant);
  CHECK(std::isnan(row_of(comparison, "b.attn").alpha_q));
  CHECK(row_of(comparison, "c.mlp").alpha_q == 1);
}

TEST_CASE("only warnings that A does not have are new", "[compare]") {
  CheckpointRecord a = sample_checkpoint();
  a.layers[0].warning = "small-tail";
  CheckpointRecord b = sample_checkpoint("b");
  b.layers[0].warning = "small-tail;rank-collapse";
  CHECK(row_of(compare(a, b), "a.mlp").new_warnings == "rank-collapse");
  CHECK(row_of(compare(b, a), "a.mlp").new_warnings.empty());
}

TEST_CASE("what makes two records incomparable is noted", "[compare]") {
  CheckpointRecord b = sample_checkpoint("b");
  b.provenance.mode = "weightwatcher";
  b.provenance.options = "{}";
  b.provenance.fit_version = 70;
  CHECK(compare(sample_checkpoint(), b).notes.size() == 3);
}

TEST_CASE("intervals of alpha that one of two records lacks change no metric", "[compare]") {
  CheckpointRecord a = sample_checkpoint();
  a.provenance.fit_options = R"({"fit": "PL", "bootstrap": 100, "seed": 7})";
  CheckpointRecord b = sample_checkpoint("b");
  b.provenance.fit_options = R"({"fit": "PL"})";
  CHECK(compare(a, b).alike);
  CHECK(compare(a, b).notes.empty());
  b.provenance.fit_options = R"({"fit": "TPL"})";
  CHECK(compare(a, b).notes.size() == 1);
}

TEST_CASE("Benjamini and Hochberg's adjusted p-values", "[compare]") {
  // By hand: sorted 0.01 0.02 0.03 0.5 times 4/1, 4/2, 4/3, 4/4, then the least from above.
  const std::vector<double> q = adjusted({0.03, 0.01, kNan, 0.5, 0.02});
  CHECK(q[0] == Approx(0.04));
  CHECK(q[1] == Approx(0.04));
  CHECK(std::isnan(q[2]));
  CHECK(q[3] == Approx(0.5));
  CHECK(q[4] == Approx(0.04));
  CHECK(adjusted({}).empty());
}

TEST_CASE("no change of fits is concluded where they are of other modes or options", "[compare]") {
  const CheckpointRecord a = sample_checkpoint();
  CheckpointRecord b = sample_checkpoint("b");
  for (LayerRow& row : b.layers) row.alpha = 4, row.hash = "2", row.warning = "rank-collapse";
  CHECK(row_of(compare(a, b), "a.mlp").alpha_z > 0);
  b.provenance.fit_options = "{\"xmax\": 5}";
  Comparison comparison = compare(a, b);
  CHECK_FALSE(comparison.alike);
  CHECK(comparison.same_mode);
  for (const ComparisonRow& row : comparison.rows) {
    CHECK(row.alpha_b == 4);
    CHECK(std::isnan(row.alpha_change));
    CHECK(std::isnan(row.alpha_p));
    CHECK(row.new_warnings.empty());
  }
  CHECK(alpha_of_all(comparison.paired)->pairs == 0);
  REQUIRE_FALSE(comparison.usual.empty());
  for (const UsualChange& change : comparison.usual) CHECK(change.metric != "alpha");
  b.provenance.mode = "weightwatcher";
  comparison = compare(a, b);
  CHECK(comparison.paired.empty());
  CHECK(comparison.usual.empty());
  b.layers[0].warning = "nonfinite";
  CHECK(row_of(compare(a, b), "a.mlp").new_warnings == "nonfinite");
}

TEST_CASE("the alpha of a failed fit is no alpha that falls or stays", "[compare]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  for (LayerRow& row : b.layers) {
    row.hash = "2";
    row.status = "failed";  // as in compat mode
    row.alpha = row.D = row.sigma = -1;
    row.warning = "over-trained";
  }
  const Comparison lost = compare(a, b);
  for (const ComparisonRow& row : lost.rows) {
    CHECK(row.alpha_a == 3);
    CHECK(std::isnan(row.alpha_b));
    CHECK(std::isnan(row.alpha_change));
    CHECK(row.new_warnings == "fit-failed");
  }
  for (const UsualChange& change : lost.usual) CHECK(change.metric != "alpha");
  REQUIRE(alpha_of_all(lost.paired) != nullptr);
  CHECK(alpha_of_all(lost.paired)->pairs == 0);
  const Comparison never = compare(b, b);
  CHECK(alpha_of_all(never.paired)->pairs == 0);
  CHECK(paired_sentence(*alpha_of_all(never.paired)).find("is the same") == std::string::npos);
}

TEST_CASE("a layer that one scan left out by choice is neither added nor removed", "[compare]") {
  const CheckpointRecord whole = sample_checkpoint("whole");
  CheckpointRecord part = sample_checkpoint("part");
  part.skipped.push_back({"a.mlp", "F32", "8 x 4", 32, "left-out", ""});
  part.layers.erase(part.layers.begin());
  part.spectra.erase(part.spectra.begin());
  CHECK(row_of(compare(whole, part), "a.mlp").status == Change::left_out);
  CHECK_FALSE(row_of(compare(whole, part), "a.mlp").in_b);
  CHECK(row_of(compare(part, whole), "a.mlp").status == Change::left_out);
  CHECK(row_of(compare(part, whole), "a.mlp").in_b);
  CHECK(compare(part, part).left_out_of_both == 1);
  // Which layers were taken does not shape their spectra.
  CheckpointRecord chosen = whole;
  part.provenance.options = R"({"mode": "corrected", "layers": []})";
  chosen.provenance.options = R"({"mode": "corrected", "layers": ["[a]*", "*\"]q"]})";
  CHECK(compare(chosen, part).notes.empty());
  // Nor does where the base lies on which an adapter was put.
  chosen.provenance.options =
      R"({"mode": "corrected", "with_base": "/a}\", b/base", "layers": ["[a]*"]})";
  CHECK(compare(chosen, part).notes.empty());
  chosen.provenance.options = R"({"mode": "corrected", "layers": ["[a]*"], "no": true})";
  CHECK(compare(chosen, part).notes.size() == 1);
  part.provenance.options.clear();
  part.skipped.front().reason = "too-small";
  CHECK(row_of(compare(whole, part), "a.mlp").status == Change::removed);
}

namespace {

/// Four layers with values of their own.
CheckpointRecord four_layers(const std::string& id) {
  CheckpointRecord record;
  record.provenance.checkpoint_id = id;
  for (const char* key : {"0.mlp", "1.mlp", "2.mlp", "3.mlp"}) {
    add_layer(record, sample_layer(key, std::string("hash of ") + key));
  }
  return record;
}

/// An embedding or a head of so many tokens.
LayerRow of_tokens(const std::string& key, const std::string& role, std::int64_t tokens) {
  LayerRow row = sample_layer(key, key + std::to_string(tokens));
  row.role = role;
  row.rows = row.N = tokens;
  return row;
}

}  // namespace

TEST_CASE("layers with the weights of others are misplaced, and their places named", "[compare]") {
  const CheckpointRecord a = four_layers("a");
  CheckpointRecord b = four_layers("b");
  std::swap(b.layers[0].hash, b.layers[2].hash);
  LayerRow more = sample_layer("4.mlp", a.layers[3].hash);
  add_layer(b, more);
  const Comparison swapped = compare(a, b);
  CHECK(row_of(swapped, "0.mlp").status == Change::misplaced);
  CHECK(row_of(swapped, "0.mlp").from == "2.mlp");
  CHECK(row_of(swapped, "2.mlp").from == "0.mlp");
  CHECK(row_of(swapped, "1.mlp").status == Change::same);
  CHECK(row_of(swapped, "1.mlp").from.empty());
  // A block that was added as a copy is in nobody's place.
  CHECK(row_of(swapped, "4.mlp").status == Change::added);
  CHECK(row_of(swapped, "4.mlp").from == "3.mlp");
  // Another shape, and values that are alike everywhere, prove nothing.
  b.layers[0].rows = 16;
  CHECK(row_of(compare(a, b), "0.mlp").status == Change::reshaped);
  CheckpointRecord zeros = a;
  zeros.layers[1].matrix_rank = 0;
  CheckpointRecord zeroed = four_layers("zeroed");
  zeroed.layers[3].hash = a.layers[1].hash;
  CHECK(row_of(compare(zeros, zeroed), "3.mlp").status == Change::rearranged);
  // Copies within A, such as blocks that were repeated, stay where they are.
  CheckpointRecord twins = a;
  twins.layers[1].hash = twins.layers[0].hash;
  for (const ComparisonRow& row : compare(twins, twins).rows) CHECK(row.status == Change::same);
}

TEST_CASE("a larger vocabulary is told, and is no reshaped layer", "[compare]") {
  CheckpointRecord a = four_layers("a");
  CheckpointRecord b = four_layers("b");
  add_layer(a, of_tokens("embed", "embedding.token", 512));
  add_layer(a, of_tokens("head", "head", 512));
  add_layer(b, of_tokens("embed", "embedding.token", 528));
  add_layer(b, of_tokens("head", "head", 528));
  const Comparison grown = compare(a, b);
  CHECK(row_of(grown, "embed").status == Change::grown);
  CHECK(row_of(grown, "embed").vocabulary_a == 512);
  CHECK(row_of(grown, "head").vocabulary_b == 528);
  CHECK(std::isnan(row_of(grown, "head").moved));
  CHECK(std::isnan(row_of(grown, "head").error_ratio));
  CHECK(row_of(compare(b, a), "head").status == Change::shrunk);
  // A classifier with more classes has other rows.
  b.layers[4] = of_tokens("embed", "embedding.token", 512);
  CHECK(row_of(compare(a, b), "head").status == Change::reshaped);
  b.layers[4] = of_tokens("embed", "embedding.token", 528);
  b.layers[4].cols = 8;
  CHECK(row_of(compare(a, b), "embed").status == Change::reshaped);
}

TEST_CASE("an adapter on its base answers for what it changes and for what it holds", "[compare]") {
  CheckpointRecord a = four_layers("a");
  CheckpointRecord b = four_layers("b");
  a.provenance.checkpoint_identity = b.provenance.base_identity = "files of a";
  b.provenance.analysis = AnalysisKind::adapter_on_base;
  b.layers[0].adapter.adapter_rank = 4;
  b.layers[1].hash = "of the adapter";
  const Comparison comparison = compare(a, b);
  CHECK(row_of(comparison, "0.mlp").of_adapter);
  CHECK_FALSE(row_of(comparison, "0.mlp").held_whole);
  CHECK(row_of(comparison, "1.mlp").of_adapter);
  CHECK(row_of(comparison, "1.mlp").held_whole);
  CHECK_FALSE(row_of(comparison, "2.mlp").of_adapter);
  // On another base nobody knows who changed what.
  a.provenance.checkpoint_identity = "other files";
  for (const ComparisonRow& row : compare(a, b).rows) CHECK_FALSE(row.of_adapter);
}
