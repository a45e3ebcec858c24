/// @file
/// Stacks of blocks, and what only looks like one: arrays of MaxText, modules for prediction.

#include <algorithm>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

TEST_CASE("arrays of MaxText are known whatever joins the words of their names", "[select]") {
  const char* const layers =
      "stacks the layers along an axis that is not known to be the first, as MaxText's do along "
      "the second: save each layer by itself";
  const char* const heads =
      "a kernel with an axis of heads: save it as a matrix of inputs and outputs";
  // Words joined otherwise, with `params` and without, as arrays of NumPy and Flax may have them.
  for (const std::string format : {"numpy", "flax"}) {
    for (const char joint : {'.', '/', '-', '_'}) {
      for (const std::string begin : {"params.params.decoder.", "decoder."}) {
        std::string name = begin + "layers.mlp.wi_0.kernel";
        std::string head = begin + "layers_0.self_attention.query.kernel";
        for (std::string* one : {&name, &head}) std::replace(one->begin(), one->end(), '.', joint);
        checkpoint::Catalogue arrays =
            catalogue({tensor(name, {32, 24, 64}), tensor(head, {32, 4, 16})});
        arrays.format = format;
        const Selection selection = select_matrices(arrays, {});
        INFO(name);
        REQUIRE(selection.skipped.size() == 2);
        for (const SkippedRow& row : selection.skipped) {
          CHECK(row.detail == (row.tensor == name ? layers : heads));
        }
      }
    }
  }
  checkpoint::Catalogue other = catalogue(
      {tensor("conv1/kernel", {3, 80, 384}), tensor("a-layers_3-mlp-wo-kernel", {64, 32})});
  other.format = "numpy";
  const Selection left = select_matrices(other, {});
  REQUIRE(left.skipped.size() == 1);
  CHECK(left.skipped[0].detail ==
        "an array of three dimensions, of which nothing says which are inputs and outputs: save it "
        "as matrices");
  REQUIRE(left.matrices.size() == 1);
  CHECK(left.matrices[0].role == "mlp.down");
  // Experts are no kernels: those of all layers are stacked too, those of one are a stack.
  other = catalogue({tensor("decoder/layers/MoeBlock_0/wi_0", {8, 24, 32, 64}),
                     tensor("decoder/layers_0/MoeBlock_0/wi_0", {8, 32, 64})});
  other.format = "numpy";
  const Selection experts = select_matrices(other, {});
  REQUIRE(experts.skipped.size() == 1);
  CHECK(experts.skipped[0].detail == layers);
  CHECK(experts.matrices.size() == 8);
}

TEST_CASE("modules for prediction that are numbered apart are no stack of blocks", "[select]") {
  // Hunyuan V4
  checkpoint::Catalogue c =
      catalogue({tensor("model.mtp_layers.0.mlp.experts.gate_up_proj", {16, 64, 32}),
                 tensor("model.mtp_layers.0.mlp.gate.weight", {16, 32}),
                 tensor("model.mtp_layers.1.embed_tokens.weight", {64, 32}),
                 tensor("model.embed_tokens.weight", {64, 32})});
  c.config.num_experts = 16;
  const Selection selection = select_matrices(c, {});
  REQUIRE(selection.matrices.size() == 18);
  CHECK(skipped_of(selection) ==
        std::vector<std::string>{"model.mtp_layers.1.embed_tokens.weight: duplicate-of-main"});
  CHECK(selection.matrices[1].block == 0);
  CHECK(selection.matrices[1].stack == "model.mtp_layers");
  CHECK(selection.matrices[16].expert == 15);
  CHECK(selection.matrices[16].block == 0);
  CHECK(selection.matrices[17].role == "router");
}

TEST_CASE("experts of a layer in one matrix are a matrix each", "[select]") {
  checkpoint::Catalogue c =
      catalogue({tensor("transformer.blocks.0.ffn.experts.mlp.v1", {128, 64}),
                 tensor("transformer.blocks.0.ffn.experts.mlp.w2", {128, 64})});
  c.config.model_type = "dbrx";
  CHECK(select_matrices(c, {}).matrices.size() == 2);  // the config does not tell how many
  c.config.num_experts = 4;
  const Selection selection = select_matrices(c, {});
  REQUIRE(selection.matrices.size() == 8);
  const Matrix& matrix = selection.matrices[7];
  CHECK(matrix.key == "transformer.blocks.0.ffn.experts.mlp.w2[3]");
  CHECK(matrix.role == "expert.down");
  CHECK(matrix.expert == 3);
  CHECK(matrix.block == 0);
  CHECK(matrix.rows == 32);
  CHECK(matrix.cols == 64);
  CHECK(matrix.views[0].first == std::int64_t{3} * 32 * 64);
  c.config.num_experts = 3;  // of another model
  CHECK(select_matrices(c, {}).matrices.size() == 2);
  // Step-3.5's stacks have no word for experts.
  checkpoint::Catalogue step =
      catalogue({tensor("model.layers.0.moe.up_proj.weight", {4, 32, 64})});
  const Selection experts = select_matrices(step, {});
  REQUIRE(experts.matrices.size() == 4);
  CHECK(experts.matrices[3].expert == 3);
  CHECK(experts.matrices[3].role == "expert.up");
}

TEST_CASE("experts of nomic-embed-text-v2-moe", "[select]") {
  const std::string mlp = "encoder.layers.1.mlp.experts.mlp.";
  checkpoint::Catalogue c =
      catalogue({tensor(mlp + "w1", {768, 64}), tensor(mlp + "w2", {768, 64})});
  c.config.model_type = "nomic_bert";
  c.config.intermediate_size = 96;
  CHECK(select_matrices(c, {}).matrices.size() == 2);  // the config does not tell how many
  c.config.num_experts = 8;
  const Selection selection = select_matrices(c, {});
  REQUIRE(selection.matrices.size() == 16);
  const Matrix& up = selection.matrices[5];
  CHECK(up.key == mlp + "w1[5]");
  CHECK(up.role == "expert.up");  // there is no gate
  CHECK(up.expert == 5);
  CHECK(up.block == 1);
  CHECK(up.rows == 96);
  CHECK(up.cols == 64);
  CHECK(up.views[0].first == std::int64_t{5} * 96 * 64);
  CHECK(selection.matrices[15].role == "expert.down");
  c.config.intermediate_size = 48;  // of another model
  CHECK(select_matrices(c, {}).matrices.size() == 2);
}

TEST_CASE("experts of Megatron's GroupedMLP are left out", "[select]") {
  const std::string experts = "decoder.layers.0.mlp.experts.";
  checkpoint::Catalogue c =
      catalogue({tensor(experts + "weight1", {64, 384}), tensor(experts + "weight2", {192, 64}),
                 tensor("decoder.layers.0.mlp.router.weight", {16, 64})});
  for (const std::int64_t count : {0, 4}) {
    if (count > 0) c.config.num_experts = count;
    const Selection selection = select_matrices(c, {});
    REQUIRE(selection.skipped.size() == 2);
    CHECK(selection.skipped[1].tensor == experts + "weight2");
    CHECK(selection.skipped[1].reason == "division-not-known");
    CHECK(selection.skipped[1].detail ==
          "all experts of a layer in one matrix, as Megatron's GroupedMLP had them: save each "
          "expert by itself");
  }
  c.config.num_experts = 1;  // then it is a matrix
  CHECK(select_matrices(c, {}).matrices.size() == 3);
}

TEST_CASE("unsloth's gpt-oss has the matrices of others", "[select]") {
  const std::string experts = "model.layers.0.mlp.experts.";
  checkpoint::Catalogue c = catalogue({tensor(experts + "gate_up_projs.1.weight", {64, 48}),
                                       tensor(experts + "down_projs.1.weight", {48, 32})});
  CHECK(keys_of(select_matrices(c, {})) ==
        std::vector<std::string>{experts + "down_projs.1.weight",
                                 experts + "gate_up_projs.1.weight"});
  c.config.model_type = "gpt_oss";
  const Selection selection = select_matrices(c, {});
  CHECK(keys_of(selection) == std::vector<std::string>{experts + "1.down_proj.weight",
                                                       experts + "1.gate_proj.weight",
                                                       experts + "1.up_proj.weight"});
  CHECK(selection.matrices[2].expert == 1);
  CHECK(selection.matrices[2].tensor.numbers == std::vector<std::int64_t>{48, 96, 1});
}
