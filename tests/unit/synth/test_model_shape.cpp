/// @file
/// Shapes: the sizes of the real models, scaling, and its limits.

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/synth/checkpoint.hpp"
#include "wishart/synth/model_shape.hpp"

#include "tensor_spec.hpp"

using namespace wishart;
using namespace wishart::synth;

namespace {

CheckpointSummary summary(const std::string& name) {
  CheckpointOptions options;
  options.shape = shape_named(name);
  options.shard_bytes = std::int64_t{5} << 30U;
  return checkpoint_summary(options);
}

Reduction scaled_by(double scale, const std::string& text) { return {scale, text, {}, {}}; }

const TensorSpec& tensor(const std::vector<TensorSpec>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const TensorSpec& t) { return t.name == name; });
  REQUIRE(found != tensors.end());
  return *found;
}

using Extents = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("whole shapes have the parameters and matrices of the models", "[shape]") {
  // Parameters as the models' cards and indexes give them (total_size / 2 for bf16 files).
  CHECK(summary("llama-3-8b").parameters == 8'030'261'248);
  CHECK(summary("llama-3-8b").bytes == 16'060'522'496);
  CHECK(summary("llama-3-8b").matrices == 226);
  CHECK(summary("llama-3-8b").tensors == 291);
  CHECK(summary("llama-3-70b").parameters == 70'553'706'496);
  CHECK(summary("llama-3-70b").matrices == 562);
  CHECK(summary("mixtral-8x22b").matrices == 1626);
  CHECK(summary("mixtral-8x22b").parameters == 140'630'071'296);
  CHECK(summary("deepseek-v3").matrices == 45'092);
  CHECK(summary("deepseek-v3").parameters == 671'026'419'200);
  CHECK(summary("llama-3-405b").parameters == 405'853'388'800);
  CHECK(summary("llama-3-405b").matrices == 884);
  // 1 T, 1.6 T and 284 B, the two DeepSeek-V4 without their last module.
  CHECK(summary("kimi-k2").parameters == Approx(1.0265e12).epsilon(1e-3));
  CHECK(summary("deepseek-v4").parameters == Approx(1.573e12).epsilon(1e-3));
  CHECK(summary("deepseek-v4-flash").parameters == Approx(2.84e11).epsilon(2e-3));
  CHECK(summary("pythia-70m").parameters == 70'426'624);
  CHECK(summary("pythia-12b").parameters == 11'846'072'320);
  CHECK(summary("gpt-oss-20b").parameters == 20'914'757'184);
  CHECK(summary("gpt-oss-120b").parameters == 116'829'156'672);
  CHECK(summary("qwen2.5-7b").parameters == 7'615'616'512);
  CHECK(summary("qwen2.5-0.5b").parameters == 494'032'768);
  CHECK(summary("tiny-llama").parameters == Approx(2e6).epsilon(0.1));
}

TEST_CASE("scaling keeps head counts, the experts' number and even widths", "[shape]") {
  const ModelShape small = reduced(shape_named("llama-3-8b"), scaled_by(0.125, "1/8"));
  const auto tensors = tensors_of(small, Dtype::bf16, false);
  CHECK(tensor(tensors, "model.embed_tokens.weight").shape == Extents{16032, 512});
  CHECK(tensor(tensors, "model.layers.31.self_attn.q_proj.weight").shape == Extents{512, 512});
  CHECK(tensor(tensors, "model.layers.31.self_attn.k_proj.weight").shape == Extents{128, 512});
  CHECK(tensor(tensors, "model.layers.31.mlp.down_proj.weight").shape == Extents{512, 1792});
  CHECK(tensors.size() == 291);

  const ModelShape moe = reduced(shape_named("deepseek-v3"), {1.0 / 16, "1/16", 5, 6});
  const auto experts = tensors_of(moe, Dtype::bf16, false);
  CHECK(tensor(experts, "model.layers.4.mlp.gate.weight").shape == Extents{6, 448});
  CHECK(tensor(experts, "model.layers.4.mlp.experts.5.down_proj.weight").shape ==
        Extents{448, 128});
  CHECK(tensor(experts, "model.layers.0.self_attn.kv_b_proj.weight").shape == Extents{2048, 32});
  CHECK(tensor(experts, "model.layers.4.mlp.gate.e_score_correction_bias").dtype == Dtype::f32);

  const auto stacked =
      tensors_of(reduced(shape_named("gpt-oss-20b"), {0.125, "1/8", 1, 4}), Dtype::bf16, false);
  CHECK(tensor(stacked, "model.layers.0.mlp.experts.gate_up_proj").shape == Extents{4, 360, 720});
  CHECK(tensor(stacked, "model.layers.0.mlp.experts.gate_up_proj").num_matrices() == 8);
  CHECK(tensor(stacked, "model.layers.0.mlp.experts.gate_up_proj").key(3, 1) ==
        "model.layers.0.mlp.experts.3.up_proj.weight");
}

TEST_CASE("what is left out does not change what is kept", "[shape]") {
  const ModelShape whole = shape_named("tiny-llama");
  const auto all = tensors_of(whole, Dtype::bf16, false);
  for (const TensorSpec& kept : tensors_of(reduced(whole, {1, "1", 2, {}}), Dtype::bf16, false)) {
    CHECK(tensor(all, kept.name).shape == kept.shape);
    CHECK(tensor(all, kept.name).rms == kept.rms);
  }
}

TEST_CASE("names are unique in every shape", "[shape]") {
  for (const ModelShape& shape : model_shapes()) {
    CAPTURE(shape.name);
    const auto tensors = tensors_of(reduced(shape, {1, "1", 4, {}}), Dtype::bf16, true);
    std::set<std::string> names;
    for (const TensorSpec& one : tensors) CHECK(names.insert(one.name).second);
    const auto flaws = [&](Flaw flaw) {
      return std::count_if(tensors.begin(), tensors.end(),
                           [&](const TensorSpec& t) { return t.flaw == flaw; });
    };
    CHECK(flaws(Flaw::heavy_tail) == 1);
    CHECK(flaws(Flaw::no_tail) == 1);
    CHECK(flaws(Flaw::low_rank) == 1);
  }
}

TEST_CASE("refused shapes and reductions list what is available", "[shape]") {
  CHECK_THROWS_WITH(shape_named("lama-3-8b"),
                    Catch::StartsWith("unknown shape 'lama-3-8b'. Did you mean 'llama-3-8b'? "
                                      "Known shapes: tiny-llama, llama-3-8b, llama-3-70b, ") &&
                        Catch::EndsWith(", pythia-12b"));
  CHECK_THROWS_WITH(shape_named("zzzzzzzzzz"),
                    Catch::StartsWith("unknown shape 'zzzzzzzzzz'. Known shapes: tiny-llama"));
  CHECK_THROWS_WITH(
      reduced(shape_named("llama-3-8b"), scaled_by(0.001, "1/1000")),
      "--scale 1/1000: reduces the head dimension of llama-3-8b to 0. Use at least 1/128");
  CHECK_NOTHROW(reduced(shape_named("llama-3-8b"), scaled_by(1.0 / 128, "1/128")));
  CHECK_THROWS_WITH(reduced(shape_named("pythia-70m"), {1, "1", 7, {}}),
                    "--blocks 7: pythia-70m has 6 blocks, expected 1 to 6");
  CHECK_THROWS_WITH(reduced(shape_named("pythia-70m"), {1, "1", 0, {}}),
                    "--blocks 0: pythia-70m has 6 blocks, expected 1 to 6");
  CHECK_THROWS_WITH(reduced(shape_named("pythia-70m"), {1, "1", {}, 2}),
                    "--experts 2: pythia-70m has no experts");
  CHECK_THROWS_WITH(reduced(shape_named("gpt-oss-20b"), {1, "1", {}, 33}),
                    "--experts 33: gpt-oss-20b has 32 experts, expected 1 to 32");
}

TEST_CASE("DeepSeek-V4 has heads in groups, compressed keys and an index by turns", "[shape]") {
  const auto tensors =
      tensors_of(reduced(shape_named("deepseek-v4"), {1, "1", 5, 8}), Dtype::bf16, false);
  CHECK(tensor(tensors, "layers.0.attn.wq_b.weight").shape == Extents{65536, 1536});
  CHECK(tensor(tensors, "layers.0.attn.wo_a.weight").shape == Extents{16384, 4096});
  CHECK(tensor(tensors, "layers.0.attn.wo_b.weight").shape == Extents{7168, 16384});
  CHECK(tensor(tensors, "layers.0.attn.compressor.wkv.weight").shape == Extents{512, 7168});
  CHECK(tensor(tensors, "layers.0.attn.compressor.ape").shape == Extents{128, 512});
  CHECK(tensor(tensors, "layers.4.attn.compressor.wkv.weight").shape == Extents{1024, 7168});
  CHECK(tensor(tensors, "layers.4.attn.indexer.wq_b.weight").shape == Extents{8192, 1536});
  CHECK(tensor(tensors, "layers.4.ffn.experts.7.w2.weight").shape == Extents{7168, 3072});
  CHECK(tensor(tensors, "layers.4.hc_attn_fn").shape == Extents{24, 28672});
  const auto named = [](const std::vector<TensorSpec>& all, const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const TensorSpec& t) { return t.name == name; });
  };
  CHECK_FALSE(named(tensors, "layers.3.attn.indexer.wq_b.weight"));
  CHECK_FALSE(named(tensors, "layers.2.ffn.gate.bias"));
  CHECK(named(tensors, "layers.3.ffn.gate.bias"));
  const auto flash =
      tensors_of(reduced(shape_named("deepseek-v4-flash"), {1, "1", 3, 8}), Dtype::bf16, false);
  CHECK_FALSE(named(flash, "layers.1.attn.compressor.wkv.weight"));
  CHECK(tensor(flash, "layers.2.attn.compressor.wkv.weight").shape == Extents{1024, 4096});
}

TEST_CASE("a described checkpoint has what a written one has", "[shape]") {
  for (const char* name : {"llama-3-8b", "deepseek-v3", "deepseek-v4", "gpt-oss-120b"}) {
    CAPTURE(name);
    const ModelShape shape = reduced(shape_named(name), {1, "1", 4, {}});
    std::int64_t described = 0;
    for (const Tensor& one : described_tensors(shape, Dtype::bf16)) described += one.num_elements;
    std::int64_t written = 0;
    for (const TensorSpec& one : tensors_of(shape, Dtype::bf16, false)) {
      written += one.num_elements();
    }
    CHECK(described == written);
    CHECK(described_config(shape).hidden_size == shape.hidden);
  }
}
