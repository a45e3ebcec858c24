/// @file
/// What a conversion loses or puts in another order, and what a model leaves out lawfully: in the
/// comparison, its verdict, and the rules of a gate.

#include <algorithm>
#include <cmath>
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
using test::sample_checkpoint;
using test::sample_layer;
using test::with_reasons;

namespace {

Change status_of(const Comparison& comparison, const std::string& key) {
  const auto found = std::find_if(comparison.rows.begin(), comparison.rows.end(),
                                  [&](const ComparisonRow& row) { return row.key == key; });
  REQUIRE(found != comparison.rows.end());
  return found->status;
}

/// What breaks a rule of at most 0 against the first stage, by name.
std::vector<std::string> broken_by(const std::string& metric, const CheckpointRecord& a,
                                   const CheckpointRecord& b) {
  Rule rule;
  rule.name = metric;
  rule.metric = metric;
  rule.against = Against::first;
  rule.max = 0;
  const std::vector<RuleVerdict> verdicts = judge({rule}, {a, b}, false);
  REQUIRE(verdicts.size() == 1);
  std::vector<std::string> keys;
  for (const Violation& one : verdicts.front().violations) keys.push_back(one.key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

SkippedRow skipped(const std::string& name, const std::string& reason = "one-dimensional",
                   const std::string& shape = "64") {
  return {name, "F32", shape, 64, reason, ""};
}

LayerRow table_of_tokens(const std::string& key, const std::string& role, std::int64_t tokens,
                         const std::string& hash) {
  LayerRow row = sample_layer(key, hash);
  row.role = role;
  row.rows = row.N = tokens;
  return row;
}

/// Three layers, an embedding and a head of 512 tokens.
CheckpointRecord language_model(const std::string& id, const std::string& head_hash = "head") {
  CheckpointRecord record = sample_checkpoint(id);
  add_layer(record, table_of_tokens("embed.weight", "embedding.token", 512, "embed"));
  add_layer(record, table_of_tokens("lm_head.weight", "head", 512, head_hash));
  return record;
}

CheckpointRecord without_head(CheckpointRecord record) {
  record.layers.pop_back();
  record.spectra.pop_back();
  return record;
}

}  // namespace

TEST_CASE("one spectrum with other elements is no good conversion", "[compare][rearranged]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  b.layers[0].hash = b.layers[2].hash = "2";
  CHECK(status_of(compare(a, b), "a.mlp") == Change::rearranged);
  CHECK(broken_by("rearranged", a, b) == std::vector<std::string>{"a.mlp", "c.mlp"});
  CHECK(broken_by("rearranged", a, a).empty());
  CHECK(broken_by("missing", a, b).empty());
  const std::string text = with_reasons(verdict_of(compare(a, b)));
  CHECK(has(text, "attention: In b, 2 layers have exactly the spectrum of a but other elements."));
  CHECK(has(text,
            "Other elements with one spectrum: a.mlp and 1 more. No training does that: rows were "
            "exchanged, or a matrix was transposed or negated. A conversion to another layout "
            "does so on purpose."));
}

TEST_CASE("a matrix that training hardly moved is changed, not rearranged",
          "[compare][rearranged]") {
  const CheckpointRecord a = sample_checkpoint("a");
  CheckpointRecord b = sample_checkpoint("b");
  for (LayerRow& row : b.layers) row.hash = "2";
  b.spectra[0].sigma = {1, 2, 3, 4 * (1 + 1e-9)};   // the first step of a warm-up
  b.spectra[1].sigma = {1, 2, 3, 4 * (1 + 1e-15)};  // the order of the sums
  // A value near zero has a large error of its own: that of its square is small.
  b.spectra[2].sigma = {1, 2, 3, 4};
  CheckpointRecord near = a;
  near.spectra[2].sigma = {1e-9, 2, 3, 4};
  b.spectra[2].sigma[0] = 2e-8;
  const Comparison comparison = compare(near, b);
  CHECK(status_of(comparison, "a.mlp") == Change::changed);
  CHECK(status_of(comparison, "b.attn") == Change::rearranged);
  CHECK(status_of(comparison, "c.mlp") == Change::rearranged);
  // What no analysis resolves proves nothing.
  b.layers[0].floor_sigma = 1e-3;
  CHECK(status_of(compare(near, b), "a.mlp") == Change::rearranged);
  // Zeros with another sign.
  CheckpointRecord zeros = a;
  zeros.spectra[0].sigma = b.spectra[0].sigma = {0, 0, 0, 0};
  CHECK(status_of(compare(zeros, b), "a.mlp") == Change::changed);
}

TEST_CASE("lost biases, norms and small matrices are missing, and named", "[compare][missing]") {
  CheckpointRecord a = sample_checkpoint("a");
  a.skipped = {skipped("0.conv1d.weight", "depthwise", "64 x 1 x 4"),
               skipped("0.experts.down_proj_bias", "not-a-linear-map", "32 x 64"),
               skipped("0.mlp.gate.weight", "too-small", "8 x 64"), skipped("0.norm.weight"),
               skipped("0.q_proj.bias")};
  CheckpointRecord b = sample_checkpoint("b");
  b.skipped = {a.skipped[3]};
  add_layer(b, sample_layer("0.mlp.gate.weight", "gate"));  // with a spectrum there
  const std::vector<std::string> expected{"0.conv1d.weight", "0.experts.down_proj_bias",
                                          "0.q_proj.bias"};
  CHECK(compare(a, b).missing_tensors == expected);
  CHECK(broken_by("missing", a, b) == expected);
  CHECK(compare(b, a).missing_tensors.empty());
  CHECK(compare(a, a).missing_tensors.empty());
  const std::string text = with_reasons(verdict_of(compare(a, b)));
  CHECK(has(text, "attention: In b, 3 tensors of a without a spectrum are missing."));
  CHECK(
      has(text,
          "Missing: 0.conv1d.weight and 2 more. A loader may fill such tensors with ones, zeros or "
          "noise."));
  // A file of which nothing was skipped has lost all of them.
  b.skipped.clear();
  CHECK(compare(a, b).missing_tensors.size() == 4);
  // Of a change of weights, and under an adapter, nobody expects them.
  b.provenance.analysis = AnalysisKind::adapter_on_base;
  CHECK(compare(a, b).missing_tensors.empty());
}

TEST_CASE("buffers, scales and old names are not missing", "[compare][missing]") {
  CheckpointRecord a = sample_checkpoint("a");
  for (const char* name : {"0.rotary_emb.inv_freq", "0.attn.masked_bias", "rope_freqs.weight",
                           "0.q_proj.weight_scale", "0.q_proj.input_scale", "0.q_proj.qzeros",
                           "0.bn.running_mean", "score.weight", "v_head.summary.bias"}) {
    a.skipped.push_back(skipped(name));
  }
  a.skipped.push_back(skipped("h.0.attn.bias", "not-a-linear-map", "1 x 1 x 1024 x 1024"));
  a.skipped.push_back(skipped("0.q_proj.bias", "quantised-not-read"));
  a.skipped.push_back(skipped("0.LayerNorm.gamma"));
  a.skipped.push_back(skipped("0.LayerNorm.beta"));
  CheckpointRecord b = sample_checkpoint("b");
  b.skipped = {skipped("0.LayerNorm.weight"), skipped("0.LayerNorm.bias")};
  CHECK(compare(a, b).missing_tensors.empty());
  CHECK(broken_by("missing", a, b).empty());
  CHECK(compare(b, a).missing_tensors.empty());
}

TEST_CASE("biases of experts are the same in a stack and one by one", "[compare][missing]") {
  CheckpointRecord stacked = sample_checkpoint("stacked");
  CheckpointRecord singles = sample_checkpoint("singles");
  for (const std::string kind : {"0.mlp.experts.gate_up_proj", "0.mlp.experts.down_proj"}) {
    stacked.skipped.push_back(skipped(kind + "_bias", "not-a-linear-map", "12 x 64"));
    for (int i = 0; i < 12; ++i) {
      singles.skipped.push_back(skipped(kind + "s." + std::to_string(i) + ".bias"));
    }
  }
  CHECK(compare(stacked, singles).missing_tensors.empty());
  CHECK(compare(singles, stacked).missing_tensors.empty());
  CHECK(broken_by("missing", stacked, singles).empty());
  CHECK(broken_by("missing", singles, stacked).empty());
  // One expert is lost, or is of another size.
  CheckpointRecord fewer = singles;
  fewer.skipped.pop_back();
  const std::vector<std::string> down{"0.mlp.experts.down_proj_bias"};
  CHECK(compare(stacked, fewer).missing_tensors == down);
  fewer = singles;
  fewer.skipped.back().shape = "32";
  CHECK(compare(stacked, fewer).missing_tensors == down);
  CheckpointRecord small = stacked;
  small.skipped.back().shape = "11 x 64";
  const std::vector<std::string> last{"0.mlp.experts.down_projs.11.bias"};
  CHECK(compare(singles, small).missing_tensors == last);
  small.skipped.pop_back();
  CHECK(compare(stacked, small).missing_tensors == down);
  CHECK(compare(singles, small).missing_tensors.size() == 12);
}

TEST_CASE("what loaders ignore or tie is not missing", "[compare][missing]") {
  const std::string table = "relative_attention_bias.weight";
  CheckpointRecord a = sample_checkpoint("a");
  a.skipped = {skipped("decoder.block.0.layer.1.EncDecAttention." + table, "too-small", "32 x 8"),
               skipped("lm_head.decoder.bias"), skipped("lm_head.bias"),
               skipped("cls.predictions.decoder.bias"), skipped("cls.predictions.bias")};
  CheckpointRecord b = sample_checkpoint("b");
  b.skipped = {skipped("lm_head.bias"), skipped("cls.predictions.bias")};
  CHECK(compare(a, b).missing_tensors.empty());
  CHECK(broken_by("missing", a, b).empty());
  // A twin that is gone, or has another shape, or is new, is none.
  b.skipped[1].shape = "32";
  CHECK(compare(a, b).missing_tensors == std::vector<std::string>{"cls.predictions.decoder.bias"});
  b.skipped.pop_back();
  CHECK(compare(a, b).missing_tensors ==
        std::vector<std::string>{"cls.predictions.decoder.bias", "cls.predictions.bias"});
  a.skipped = {skipped("lm_head.decoder.bias")};
  CHECK(compare(a, b).missing_tensors == std::vector<std::string>{"lm_head.decoder.bias"});
  // The table of attention to itself is used.
  const std::string used = "decoder.block.0.layer.0.SelfAttention." + table;
  a.skipped = {skipped(used, "too-small", "32 x 8")};
  CHECK(compare(a, b).missing_tensors == std::vector<std::string>{used});
}

TEST_CASE("biases of two dimensions are buffers but for experts", "[compare][missing]") {
  CheckpointRecord a = sample_checkpoint("a");
  for (const char* name : {"final_logits_bias", "0.attn.causal_bias", "0.attn.attn_bias",
                           "0.attn.bias", "0.local_experts.up_proj_bias", "experts.bias"}) {
    a.skipped.push_back(skipped(name, "not-a-linear-map", "16 x 64"));
  }
  const std::vector<std::string> expected{"0.local_experts.up_proj_bias", "experts.bias"};
  CHECK(compare(a, sample_checkpoint("b")).missing_tensors == expected);
  CHECK(broken_by("missing", a, sample_checkpoint("b")) == expected);
}

TEST_CASE("masks and rotations are told by whole words", "[compare][missing]") {
  const std::vector<std::string> parameters{"mask_decoder.layers.0.norm1.weight",
                                            "mask_decoder.layers.0.q_proj.bias",
                                            "mask_decoder.mask_tokens.weight",
                                            "mask.layers.0.norm.weight",
                                            "property_encoder.norm.bias",
                                            "rotary_encoder.0.k_rope.bias",
                                            "prope_bias"};
  CheckpointRecord a = sample_checkpoint("a");
  for (const std::string& name : parameters) a.skipped.push_back(skipped(name));
  for (const char* name :
       {"0.attn.masked_bias", "0.attn.mask", "0.attn.attn_mask", "0.rope", "0.inv_freq", "mask",
        "0.rotary_emb.weight", "0.rotary_emb.bias", "rope_factors_long.weight"}) {
    a.skipped.push_back(skipped(name));
  }
  CHECK(compare(a, sample_checkpoint("b")).missing_tensors == parameters);
}

TEST_CASE("a tied head that is left out is not missing", "[compare][tables]") {
  const CheckpointRecord a = language_model("a", "embed");  // stored twice
  const CheckpointRecord b = without_head(language_model("b"));
  CHECK(status_of(compare(a, b), "lm_head.weight") == Change::tied);
  CHECK(broken_by("missing", a, b).empty());
  CHECK(with_reasons(verdict_of(compare(a, b)))
            .starts_with("good: No layer of a is missing in b, and none has a new warning.\n"
                         "lm_head.weight is left out: it was a copy of embed.weight."));
  // A head of its own is lost.
  const CheckpointRecord own = language_model("own");
  CHECK(status_of(compare(own, b), "lm_head.weight") == Change::removed);
  CHECK(broken_by("missing", own, b) == std::vector<std::string>{"lm_head.weight"});
  // Nor is it tied to an embedding that is gone too.
  CheckpointRecord neither = without_head(b);
  CHECK(status_of(compare(a, neither), "lm_head.weight") == Change::removed);
}

TEST_CASE("a head that a classifier replaces is not missing", "[compare][tables]") {
  CheckpointRecord a = language_model("a");
  a.skipped = {skipped("lm_head.bias")};
  CheckpointRecord b = without_head(language_model("b"));
  CHECK(broken_by("missing", a, b) == std::vector<std::string>{"lm_head.bias", "lm_head.weight"});
  b.skipped = {skipped("score.weight", "too-small", "1 x 64")};
  CHECK(status_of(compare(a, b), "lm_head.weight") == Change::replaced);
  CHECK(broken_by("missing", a, b).empty());
  CHECK(has(with_reasons(verdict_of(compare(a, b))),
            "The head lm_head.weight was replaced by score.weight."));
  // Of many classes it has a spectrum. The other way, a language model has its head again.
  b.skipped.clear();
  add_layer(b, table_of_tokens("score.weight", "head", 64, "score"));
  CHECK(broken_by("missing", a, b).empty());
  CHECK(broken_by("missing", b, a).empty());
  CHECK(has(with_reasons(verdict_of(compare(b, a))),
            "The head score.weight was replaced by lm_head.weight."));
  // Any other name is a renamed head, and one that stood there already replaces nothing.
  b.layers.back().key = "output.weight";
  CHECK(broken_by("missing", a, b) == std::vector<std::string>{"lm_head.bias", "lm_head.weight"});
  CheckpointRecord both = a;
  both.skipped = {skipped("score.weight", "too-small", "1 x 64")};
  CHECK(broken_by("missing", both, without_head(both)) ==
        std::vector<std::string>{"lm_head.weight"});
}

TEST_CASE("a smaller vocabulary needs attention, and is not missing", "[compare][tables]") {
  const CheckpointRecord a = language_model("a");
  CheckpointRecord b = language_model("b");
  for (std::size_t i : {3U, 4U}) {
    b.layers[i].rows = b.layers[i].N = 500;
    b.layers[i].hash += " of 500";
  }
  CHECK(status_of(compare(a, b), "embed.weight") == Change::shrunk);
  CHECK(broken_by("missing", a, b).empty());
  const std::string text = with_reasons(verdict_of(compare(a, b)));
  CHECK(has(text, "attention: In b, the vocabulary has 500 tokens of 512 of a."));
  CHECK(has(text, "The vocabulary shrank from 512 to 500: 2 layers are not compared."));
  // Without any embedding, only the name tells tokens from classes.
  CheckpointRecord images = sample_checkpoint("images");
  CheckpointRecord fewer = images;
  add_layer(images, table_of_tokens("classifier.weight", "head", 512, "of 512"));
  add_layer(fewer, table_of_tokens("classifier.weight", "head", 500, "of 500"));
  CHECK(status_of(compare(images, fewer), "classifier.weight") == Change::reshaped);
  images.layers.back().key = fewer.layers.back().key = "lm_head.weight";
  CHECK(status_of(compare(images, fewer), "lm_head.weight") == Change::shrunk);
  // A head of other classes beside an embedding that stayed.
  b.layers[3] = a.layers[3];
  CHECK(status_of(compare(a, b), "lm_head.weight") == Change::reshaped);
  CHECK(broken_by("missing", a, b) == std::vector<std::string>{"lm_head.weight"});
}
