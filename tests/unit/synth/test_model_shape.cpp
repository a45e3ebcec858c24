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
