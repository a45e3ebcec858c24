/// @file
/// Models of which parts were removed: blocks, experts, and modules for multi-token prediction.

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/verdict.hpp"

#include "samples.hpp"
#include "verdict_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::add_layer;
using test::has;
using test::sample_layer;
using test::with_reasons;

namespace {

/// The layer `key` with the weights of `of`.
LayerRow layer(const std::string& key, const std::string& of) {
  LayerRow row = sample_layer(key, "hash of " + of);
  row.block = -1;
  return row;
}

SkippedRow norm(const std::string& name) { return {name, "F32", "64", 64, "one-dimensional", ""}; }

std::string key_of(std::size_t block, const std::string& leaf) {
  return "model.layers." + std::to_string(block) + "." + leaf;
}

/// Blocks with an MLP, attention and a norm each, whose weights are those of the blocks `of`.
CheckpointRecord model(const std::string& id, const std::vector<std::size_t>& of) {
  CheckpointRecord record;
  record.provenance.checkpoint_id = id;
  add_layer(record, layer("model.embed_tokens.weight", "embedding"));
  for (std::size_t i = 0; i < of.size(); ++i) {
    for (const char* leaf : {"attn.weight", "mlp.weight"}) {
      add_layer(record, layer(key_of(i, leaf), key_of(of[i], leaf)));
    }
    record.skipped.push_back(norm(key_of(i, "norm.weight")));
  }
  return record;
}

/// Two blocks of experts, by the numbers of A, and a router with a row for each.
CheckpointRecord model_of_experts(const std::string& id,
                                  const std::vector<std::vector<std::size_t>>& of) {
  CheckpointRecord record;
  record.provenance.checkpoint_id = id;
  for (std::size_t block = 0; block < of.size(); ++block) {
    for (std::size_t i = 0; i < of[block].size(); ++i) {
      add_layer(record, layer(key_of(block, "experts." + std::to_string(i) + ".up.weight"),
                              key_of(block, std::to_string(of[block][i]))));
    }
    LayerRow router = layer(key_of(block, "gate.weight"), std::to_string(of[block].size()));
    router.role = "router";
    router.rows = static_cast<std::int64_t>(of[block].size());
    add_layer(record, router);
  }
  return record;
}

std::int64_t broken(const std::string& metric, const CheckpointRecord& a,
                    const CheckpointRecord& b) {
  Rule rule;
  rule.name = rule.metric = metric;
  rule.against = Against::first;
  rule.max = 0;
  const std::vector<RuleVerdict> verdicts = judge({rule}, {a, b}, false);
  REQUIRE(verdicts.size() == 1);
  return std::ssize(verdicts.front().violations);
}

Change status_of(const Comparison& comparison, const std::string& key) {
  const auto found = std::find_if(comparison.rows.begin(), comparison.rows.end(),
                                  [&](const ComparisonRow& row) { return row.key == key; });
  REQUIRE(found != comparison.rows.end());
  return found->status;
}

}  // namespace

TEST_CASE("blocks that were removed are told, and the others follow", "[compare]") {
  const CheckpointRecord base = model("base", {0, 1, 2, 3, 4, 5});
  const CheckpointRecord pruned = model("pruned", {0, 1, 2, 5});
  const Comparison comparison = compare(base, pruned);
  CHECK(comparison.pruned ==
        "numbers 3 and 4 of the 6 blocks of model.layers were removed, and the others follow in "
        "their order");
  for (const ComparisonRow& row : comparison.rows) CHECK(row.status == Change::same);
  CHECK(comparison.missing_tensors.empty());
  const std::string text = with_reasons(verdict_of(comparison));
  CHECK(has(text, "attention: pruned is base, pruned: evaluate it."));
  CHECK(has(text, "Of base, numbers 3 and 4 of the 6 blocks"));
  for (const char* metric : {"missing", "misplaced", "added", "moved", "error_ratio", "cut"}) {
    INFO(metric);
    CHECK(broken(metric, base, pruned) == 0);
  }
}

TEST_CASE("a block that was trained on after pruning is compared with what it was", "[compare]") {
  const CheckpointRecord base = model("base", {0, 1, 2, 3});
  CheckpointRecord healed = model("healed", {0, 2, 3});
  healed.layers.back().hash = "trained";
  healed.spectra.back().sigma = {1, 2, 3, 5};
  const Comparison comparison = compare(base, healed);
  CHECK_FALSE(comparison.pruned.empty());
  CHECK(status_of(comparison, "model.layers.2.mlp.weight") == Change::changed);
}

TEST_CASE("what pruning does not explain stays misplaced", "[compare]") {
  const CheckpointRecord base = model("base", {0, 1, 2, 3, 4, 5});
  // Exchanged, out of order, repeated, mixed, and deeper instead of shorter.
  CHECK(compare(base, model("b", {0, 2, 1, 3, 4, 5})).pruned.empty());
  CHECK(compare(base, model("b", {0, 5, 4, 3})).pruned.empty());
  CHECK(compare(base, model("b", {0, 1, 1, 2})).pruned.empty());
  CHECK(compare(base, model("b", {0, 1, 2, 3, 2, 3, 4, 5})).pruned.empty());
  CheckpointRecord mixed = model("b", {0, 1, 2, 5});
  mixed.layers.back().hash = "hash of model.layers.4.mlp.weight";
  CHECK(compare(base, mixed).pruned.empty());
  CHECK(broken("misplaced", base, mixed) > 0);
  // Only the last blocks are gone: a file may be.
  CHECK(compare(base, model("b", {0, 1, 2, 3})).pruned.empty());
  CHECK(broken("missing", base, model("b", {0, 1, 2, 3})) == 6);
  // A part of a removed block is still there.
  CheckpointRecord part = model("b", {0, 1, 2, 5});
  add_layer(part, layer("model.layers.5.mlp.weight", "model.layers.5.mlp.weight"));
  CHECK(compare(base, part).pruned.empty());
}

TEST_CASE("experts that were removed from each block are told", "[compare]") {
  const CheckpointRecord base = model_of_experts("base", {{0, 1, 2, 3}, {0, 1, 2, 3}});
  // Of block 1 the last ones were removed.
  const CheckpointRecord pruned = model_of_experts("pruned", {{0, 2}, {0, 1}});
  const Comparison comparison = compare(base, pruned);
  CHECK(comparison.pruned ==
        "numbers 1 and 3 of the 4 experts of model.layers.0.experts, and as many of 1 more, were "
        "removed, and the others follow in their order");
  CHECK(status_of(comparison, "model.layers.0.gate.weight") == Change::narrowed);
  CHECK(status_of(comparison, "model.layers.0.experts.1.up.weight") == Change::same);
  CHECK(broken("missing", base, pruned) == 0);
  CHECK(broken("misplaced", base, pruned) == 0);
  CHECK(broken("misplaced", base, model_of_experts("b", {{2, 0}, {0, 1}})) == 2);
  // A router that still chooses among all of them: experts were lost.
  CheckpointRecord lost = pruned;
  for (LayerRow& row : lost.layers) {
    if (row.role == "router") row.rows = 4;
  }
  CHECK(compare(base, lost).pruned.empty());
  CHECK(broken("missing", base, lost) > 0);
}

TEST_CASE("a gate says that a model was pruned, and a run loses what is gone", "[gate]") {
  const CheckpointRecord base = model("base", {0, 1, 2, 3});
  const CheckpointRecord pruned = model("pruned", {0, 2});
  Rule rule;
  rule.name = rule.metric = "missing";
  rule.max = 0;
  rule.against = Against::first;
  Verdict report;
  report.level = Level::good;
  const Verdict verdict = verdict_of(judge({rule}, {base, pruned}, false), report);
  CHECK(with_reasons(verdict).starts_with(
      "attention: Passed: the only rule is kept. But it was pruned.\nbase was pruned: numbers 1 "
      "and "
      "3 of the 4 blocks of model.layers were removed, and the others follow in their order. "
      "Evaluate it."));
  rule.against = Against::previous;
  const std::vector<RuleVerdict> lost = judge({rule}, {base, pruned}, false);
  CHECK_FALSE(lost.front().passed);
  CHECK(lost.front().pruned.empty());
}

TEST_CASE("a module for multi-token prediction may be left out as a whole", "[compare]") {
  for (const std::string module : {"mtp.", "model.layers.6.", "model.mtp.layers.0."}) {
    INFO(module);
    CheckpointRecord base = model("base", {0, 1, 2, 3, 4, 5});
    CheckpointRecord tuned = model("tuned", {0, 1, 2, 3, 4, 5});
    for (LayerRow& row : tuned.layers) row.hash += " tuned";
    add_layer(base, layer(module + "eh_proj.weight", "x"));
    add_layer(base, layer(module + "mlp.weight", "y"));
    base.skipped.push_back(norm(module + "enorm.weight"));
    base.skipped.push_back(norm(module + "input_layernorm.weight"));
    const Comparison comparison = compare(base, tuned);
    CHECK(status_of(comparison, module + "mlp.weight") == Change::mtp);
    CHECK(comparison.missing_tensors.empty());
    CHECK(broken("missing", base, tuned) == 0);
    CHECK(broken("moved", base, tuned) == 0);
    CHECK(has(with_reasons(verdict_of(comparison)),
              "The module for multi-token prediction is left out, 2 layers such as " + module +
                  "eh_proj.weight: it only makes drafts"));
    // A part of it is damage.
    add_layer(tuned, layer(module + "eh_proj.weight", "x"));
    CHECK(broken("missing", base, tuned) == 3);
  }
}

TEST_CASE("a last block without the parts of a module for prediction is missing", "[compare]") {
  CHECK(broken("missing", model("base", {0, 1, 2, 3}), model("b", {0, 1, 2})) == 3);
}
