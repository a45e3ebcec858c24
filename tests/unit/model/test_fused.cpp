/// @file
/// The parts of fused tensors: where each row goes in each layout, and what is never split.

#include <numeric>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

namespace {

ModelConfig config_of(const char* type, std::int64_t hidden, std::int64_t heads) {
  ModelConfig config;
  config.model_type = type;
  config.hidden_size = hidden;
  config.num_attention_heads = heads;
  return config;
}

Selection split(const Tensor& tensor, const ModelConfig& config, bool on = true) {
  checkpoint::Catalogue c = catalogue({tensor});
  c.config = config;
  SelectionOptions options;
  options.split_fused = on;
  options.min_evals = 1;
  return select_matrices(c, options);
}

/// The elements of the tensor that a matrix has, in its order.
std::vector<std::int64_t> elements_of(const Matrix& matrix) {
  std::vector<std::int64_t> elements;
  const View& view = matrix.views.front();
  const Tensor& tensor = matrix.tensor;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      std::int64_t at = view.first + i * view.row_stride + j * view.col_stride;
      if (tensor.encoding == Encoding::rows) {
        const std::int64_t cols = tensor.shape.back();
        const auto& n = tensor.numbers;
        const std::int64_t row = at / cols;
        at = (n[0] + row / n[1] * n[2] + row % n[1]) * cols + at % cols;
      }
      elements.push_back(at);
    }
  }
  return elements;
}

/// The part of a selection; the parts and the whole are `keys`.
const Matrix& part_of(const Selection& selection, const std::string& ending) {
  const auto found = std::find_if(selection.matrices.begin(), selection.matrices.end(),
                                  [&](const Matrix& m) { return m.key.ends_with(ending); });
  REQUIRE(found != selection.matrices.end());
  return *found;
}

/// Which rows of the fused tensor a part has.
std::vector<std::int64_t> rows_of(const Selection& selection, const std::string& ending) {
  const Matrix& matrix = part_of(selection, ending);
  std::vector<std::int64_t> rows;
  const std::vector<std::int64_t> elements = elements_of(matrix);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    const std::int64_t first = elements[static_cast<std::size_t>(i * matrix.cols)];
    CHECK(first % matrix.cols == 0);
    rows.push_back(first / matrix.cols);
  }
  return rows;
}

using Rows = std::vector<std::int64_t>;
const std::string kName = "model.layers.3.self_attn.query_key_value.weight";

}  // namespace

TEST_CASE("without the option a fused tensor is one matrix", "[select][fused]") {
  const Tensor fused = tensor(kName, {12, 4});
  CHECK(split(fused, config_of("gpt_neox", 4, 2), false).matrices.size() == 1);
  CHECK(split(fused, config_of("gpt_neox", 4, 2)).matrices.size() == 4);
}

TEST_CASE("the parts are added to the whole, with roles of their own", "[select][fused]") {
  const Selection selection = split(tensor(kName, {12, 4}), config_of("gpt_neox", 4, 2));
  CHECK(keys_of(selection) ==
        std::vector<std::string>{kName, kName + "[k]", kName + "[q]", kName + "[v]"});
  CHECK(part_of(selection, "[q]").role == "attention.q");
  CHECK(part_of(selection, "[k]").role == "attention.k");
  CHECK(part_of(selection, "[v]").role == "attention.v");
  CHECK(part_of(selection, "[v]").block == 3);
  CHECK(part_of(selection, "[v]").tensor.name == kName);
  CHECK(storage_text(part_of(selection, "[v]").tensor) == "F32");
}

TEST_CASE("queries, keys and values of each head in turn", "[select][fused]") {
  const auto* const type = GENERATE("gpt_neox", "bloom");
  const Selection selection = split(tensor(kName, {12, 4}), config_of(type, 4, 2));
  CHECK(rows_of(selection, "[q]") == Rows{0, 1, 6, 7});
  CHECK(rows_of(selection, "[k]") == Rows{2, 3, 8, 9});
  CHECK(rows_of(selection, "[v]") == Rows{4, 5, 10, 11});
}

TEST_CASE("queries of a group, then its key and value", "[select][fused]") {
  const auto* const type = GENERATE("internlm2", "megatron", "falcon");
  ModelConfig config = config_of(type, 4, 4);
  config.num_key_value_heads = 2;
  config.head_dim = 1;
  config.new_decoder_architecture = true;
  const Selection selection = split(tensor(kName, {8, 4}), config);
  CHECK(rows_of(selection, "[q]") == Rows{0, 1, 4, 5});
  CHECK(rows_of(selection, "[k]") == Rows{2, 6});
  CHECK(rows_of(selection, "[v]") == Rows{3, 7});
}

TEST_CASE("each layer of a stack has parts of its own", "[select][fused]") {
  const std::string name = "decoder.layers.self_attention.linear_qkv.weight";
  const Selection selection = split(tensor(name, {3, 12, 4}), config_of("megatron", 4, 2));
  REQUIRE(selection.matrices.size() == 12);
  for (std::int64_t l = 0; l < 3; ++l) {
    const std::string key = name + "[" + std::to_string(l) + "]";
    const std::int64_t first = 12 * l;
    CHECK(rows_of(selection, key + "[q]") == Rows{first, first + 1, first + 6, first + 7});
    CHECK(rows_of(selection, key + "[k]") == Rows{first + 2, first + 3, first + 8, first + 9});
    CHECK(rows_of(selection, key + "[v]") == Rows{first + 4, first + 5, first + 10, first + 11});
    CHECK(part_of(selection, key + "[v]").block == l);
  }
}

TEST_CASE("older Falcon: one key for all heads, or one for each", "[select][fused]") {
  ModelConfig config = config_of("falcon", 4, 2);
  const Selection one_key = split(tensor(kName, {8, 4}), config);
  CHECK(rows_of(one_key, "[q]") == Rows{0, 1, 2, 3});
  CHECK(rows_of(one_key, "[k]") == Rows{4, 5});
  CHECK(rows_of(one_key, "[v]") == Rows{6, 7});
  config.multi_query = false;
  CHECK(rows_of(split(tensor(kName, {12, 4}), config), "[k]") == Rows{2, 3, 8, 9});
}

TEST_CASE("queries, keys and values one after the other", "[select][fused]") {
  const auto* const type = GENERATE("phi3", "gpt_oss", "chatglm", "olmo", "dbrx", "mpt");
  ModelConfig config = config_of(type, 4, 4);
  config.num_key_value_heads = 2;
  const Selection selection = split(tensor(kName, {8, 4}), config);
  CHECK(rows_of(selection, "[q]") == Rows{0, 1, 2, 3});
  CHECK(rows_of(selection, "[k]") == Rows{4, 5});
  CHECK(rows_of(selection, "[v]") == Rows{6, 7});
}

TEST_CASE("GPT-2 has them along columns", "[select][fused]") {
  const Selection selection =
      split(tensor("h.0.attn.c_attn.weight", {2, 6}), config_of("gpt2", 2, 1));
  CHECK(elements_of(part_of(selection, "[q]")) == Rows{0, 1, 6, 7});
  CHECK(elements_of(part_of(selection, "[k]")) == Rows{2, 3, 8, 9});
  CHECK(elements_of(part_of(selection, "[v]")) == Rows{4, 5, 10, 11});
}

TEST_CASE("CodeGen has four parts of q, v, k", "[select][fused]") {
  const Selection selection =
      split(tensor("h.0.attn.qkv_proj.weight", {24, 8}), config_of("codegen", 8, 2));
  CHECK(rows_of(selection, "[q]") == Rows{0, 1, 6, 7, 12, 13, 18, 19});
  CHECK(rows_of(selection, "[v]") == Rows{2, 3, 8, 9, 14, 15, 20, 21});
  CHECK(rows_of(selection, "[k]") == Rows{4, 5, 10, 11, 16, 17, 22, 23});
}

TEST_CASE("attention of torch itself and of vision towers", "[select][fused]") {
  const Selection own = split(tensor("encoder.self_attn.in_proj_weight", {6, 2}), {});
  CHECK(rows_of(own, "[k]") == Rows{2, 3});
  const Selection vision =
      split(tensor("visual.blocks.0.attn.qkv.weight", {6, 2}), config_of("qwen2_vl", 64, 8));
  CHECK(rows_of(vision, "[v]") == Rows{4, 5});
}

TEST_CASE("gate and up", "[select][fused]") {
  ModelConfig config = config_of("phi3", 4, 2);
  config.intermediate_size = 3;
  const Selection phi = split(tensor("layers.0.mlp.gate_up_proj.weight", {6, 4}), config);
  CHECK(rows_of(phi, "[gate]") == Rows{0, 1, 2});
  CHECK(rows_of(phi, "[up]") == Rows{3, 4, 5});
  CHECK(part_of(phi, "[gate]").role == "mlp.gate");
  config = config_of("olmo", 4, 2);
  config.intermediate_size = 6;  // mlp_hidden_size: of both
  const Selection olmo = split(tensor("transformer.blocks.0.ff_proj.weight", {6, 4}), config);
  CHECK(rows_of(olmo, "[up]") == Rows{0, 1, 2});
  CHECK(rows_of(olmo, "[gate]") == Rows{3, 4, 5});
}

TEST_CASE("a stack of experts is analysed as single experts, gate and up apart",
          "[select][fused]") {
  ModelConfig config = config_of("llama4", 3, 1);
  const std::string stem = "layers.0.mlp.experts.";
  const std::string name = stem + "gate_up_proj";
  const auto place = [](const Matrix& matrix) { return matrix.tensor.numbers; };
  using Places = std::vector<std::int64_t>;  // first, row stride, column stride
  const Selection in_out = split(tensor(name, {2, 3, 4}), config);
  CHECK(keys_of(in_out) ==
        std::vector<std::string>{stem + "0.gate_proj.weight", stem + "0.up_proj.weight",
                                 stem + "1.gate_proj.weight", stem + "1.up_proj.weight"});
  CHECK(place(in_out.matrices[3]) == Places{14, 1, 4});
  CHECK(in_out.matrices[3].rows == 2);
  CHECK(in_out.matrices[3].cols == 3);
  CHECK(in_out.matrices[3].expert == 1);
  CHECK(in_out.matrices[3].role == "expert.up");
  const Selection out_in = split(tensor(name, {2, 4, 3}), config);
  CHECK(place(out_in.matrices[3]) == Places{18, 3, 1});
  config.model_type = "gpt_oss";
  const Selection turns = split(tensor(name, {1, 3, 4}), config);
  CHECK(place(turns.matrices[0]) == Places{0, 2, 4});
  CHECK(place(turns.matrices[1]) == Places{1, 2, 4});
  const Selection turned = split(tensor(name, {1, 4, 3}), config);
  CHECK(place(turned.matrices[1]) == Places{3, 6, 1});
  config.model_type = "mixtral";
  const Selection down = split(tensor(stem + "down_proj", {2, 3, 4}), config);
  CHECK(keys_of(down) == std::vector<std::string>{"layers.0.block_sparse_moe.experts.0.w2.weight",
                                                  "layers.0.block_sparse_moe.experts.1.w2.weight"});
  CHECK(place(down.matrices[1]) == Places{12, 4, 1});
  CHECK(down.matrices[1].role == "expert.down");
  // Both sides are as wide as the model: the family decides, and an unknown one is not guessed.
  CHECK(place(split(tensor(name, {1, 3, 3}), config_of("unheard_of", 3, 1)).matrices[0]).empty());
}

TEST_CASE("what is not split", "[select][fused]") {
  const auto whole = [](const Tensor& one, const ModelConfig& config) {
    return split(one, config).matrices.size();
  };
  const ModelConfig neox = config_of("gpt_neox", 4, 2);
  CHECK(whole(tensor(kName, {12, 4}), {}) == 1);                             // no config
  CHECK(whole(tensor(kName, {12, 4}), config_of("unheard_of", 4, 2)) == 1);  // unknown family
  CHECK(whole(tensor(kName, {13, 4}), neox) == 1);                           // another shape
  CHECK(whole(tensor(kName, {12, 4}), config_of("gpt_neox", 4, 3)) ==
        1);  // 4 / 3 is not a whole width
  ModelConfig config = config_of("phi3", 4, 2);
  config.intermediate_size = 4;
  CHECK(whole(tensor("layers.0.mlp.gate_up_proj.weight", {6, 4}), config) == 1);
  // Neither side of the experts is as wide as the model.
  config = config_of("llama4", 6, 1);
  config.moe_intermediate_size = 2;
  CHECK(whole(tensor("layers.0.mlp.experts.gate_up_proj", {1, 4, 8}), config) == 1);
  config.num_attention_heads = std::int64_t{1} << 62;
  config.model_type = "gpt_neox";
  CHECK(whole(tensor(kName, {12, 4}), config) == 1);
}

TEST_CASE("the parts of a tensor contain each of its elements once", "[select][fused]") {
  const auto [type, shape] = GENERATE(table<const char*, std::vector<std::int64_t>>(
      {{"gpt_neox", {24, 8}}, {"codegen", {24, 8}}, {"qwen", {24, 8}}, {"gpt2", {8, 24}}}));
  const Selection selection = split(tensor(kName, shape), config_of(type, 8, 4));
  REQUIRE(selection.matrices.size() == 4);
  std::vector<int> counts(24 * 8);
  for (const Matrix& matrix : selection.matrices) {
    if (!matrix.key.ends_with("]")) continue;
    for (const std::int64_t element : elements_of(matrix)) {
      ++counts.at(static_cast<std::size_t>(element));
    }
  }
  CHECK(std::all_of(counts.begin(), counts.end(), [](int count) { return count == 1; }));
}
