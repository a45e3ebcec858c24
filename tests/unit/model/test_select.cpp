/// @file
/// From tensors to matrices: what happens to each kind of tensor, and that none is lost.

#include <random>

#include <catch2/catch.hpp>

#include "wishart/core/pack.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

namespace {

Selection select(const std::vector<Tensor>& tensors, const SelectionOptions& options = {}) {
  return select_matrices(catalogue(tensors), options);
}

/// The only skipped row.
SkippedRow skipped(const Tensor& one, const SelectionOptions& options = {}) {
  const Selection selection = select({one}, options);
  CHECK(selection.matrices.empty());
  REQUIRE(selection.skipped.size() == 1);
  return selection.skipped.front();
}

std::vector<std::byte> bytes_of(const Selection& selection) {
  Packer pack;
  std::vector<Matrix> matrices = selection.matrices;
  pack(matrices);
  for (const SkippedRow& row : selection.skipped) {
    visit_columns(row, [&](const char*, const auto& value) {
      auto copy = value;
      pack(copy);
    });
  }
  return pack.take();
}

}  // namespace

TEST_CASE("a tensor of two dimensions is a matrix as stored", "[select]") {
  const Selection selection = select({tensor("model.layers.2.mlp.up_proj.weight", {96, 64}),
                                      tensor("model.embed_tokens.weight", {512, 64}, Dtype::bf16)});
  CHECK(selection.skipped.empty());
  REQUIRE(selection.matrices.size() == 2);
  const Matrix& embedding = selection.matrices[0];
  CHECK(embedding.layer_type == "embedding");
  CHECK(embedding.role == "embedding.token");
  CHECK(embedding.block == -1);
  const Matrix& up = selection.matrices[1];
  CHECK(up.key == "model.layers.2.mlp.up_proj.weight");
  CHECK(up.tensor.name == up.key);
  CHECK(up.layer_type == "dense");
  CHECK(up.role == "mlp.up");
  CHECK(up.stack == "model");
  CHECK(up.block == 2);
  CHECK(up.expert == -1);
  CHECK(up.rows == 96);
  CHECK(up.cols == 64);
  CHECK(up.w_norm == 1);
  CHECK(up.receptive_field == 1);
  CHECK_FALSE(up.float32_arithmetic);
  REQUIRE(up.num_views() == 1);
  CHECK(up.views[0].first == 0);
  CHECK(up.views[0].row_stride == 64);
  CHECK(up.views[0].col_stride == 1);
}

TEST_CASE("tensors that are not matrices are skipped with a code and a sentence", "[select]") {
  struct Expected {
    Tensor tensor;
    const char* reason;
    const char* detail;
  };
  const std::vector<Expected> table{
      {tensor("a.weight", {64}), "one-dimensional", "a vector or a scalar has no spectrum"},
      {tensor("a.weight", {}), "one-dimensional", "a vector or a scalar has no spectrum"},
      {tensor("a.weight", {64, 64}, Dtype::i32), "not-floating",
       "elements of type I32 are not weights"},
      {tensor("a.weight", {64, 64}, Dtype::boolean), "not-floating",
       "elements of type BOOL are not weights"},
      {tensor("a.weight", {0, 64}), "empty", "has no elements"},
      {tensor("a.weight", {64, 0}), "empty", "has no elements"},
      {tensor("a.experts.up_proj", {0, 64, 64}), "empty", "has no elements"},
      {tensor("a.experts.up_proj", {8, 64, 0}), "empty", "has no elements"},
      {tensor("a.weight", {64, 9}), "too-small", "9 singular values, fewer than 10"},
      {tensor("a.layernorm.weight", {64, 64}), "not-a-linear-map",
       "a norm, bias, mask or table, judging by its name"},
      {tensor("h.0.attn.bias", {1, 1, 64, 64}), "not-a-linear-map",
       "a norm, bias, mask or table, judging by its name"},
      {tensor("experts.up_proj_bias", {16, 64}), "not-a-linear-map",
       "a norm, bias, mask or table, judging by its name"},
      {tensor("layers.0.mixer.A_log", {64, 16}), "not-a-linear-map",
       "a norm, bias, mask or table, judging by its name"},
      {tensor("layers.0.mixer.conv1d.weight", {64, 1, 4}), "depthwise",
       "each channel has its own filter, which is a vector, not a matrix"},
      {tensor("conv.weight", {64, 1, 3, 3}), "depthwise",
       "each channel has its own filter, which is a vector, not a matrix"},
      {tensor("a.weight", {4, 4, 4, 4, 4}), "unsupported-shape", "5 dimensions are not supported"}};
  for (const Expected& expected : table) {
    const SkippedRow row = skipped(expected.tensor);
    CAPTURE(expected.tensor.name, row.shape);
    CHECK(row.reason == expected.reason);
    CHECK(row.detail == expected.detail);
    CHECK(row.tensor == expected.tensor.name);
    CHECK(row.num_params == expected.tensor.num_elements);
  }
  CHECK(skipped(tensor("conv.weight", {64, 1, 3, 3})).shape == "64 x 1 x 3 x 3");
  CHECK(skipped(tensor("a", {64, 64}, Dtype::u8)).dtype == "U8");
}

TEST_CASE("the reason for a quantized checkpoint says that nothing is dequantized", "[select]") {
  checkpoint::Catalogue c = catalogue({tensor("a.qweight", {64, 64}, Dtype::i32)});
  c.config.quantized = true;
  CHECK(select_matrices(c, {}).skipped.at(0).detail ==
        "elements of type I32; quantized tensors are not dequantized");
}

TEST_CASE("every type of weights is taken", "[select]") {
  for (const Dtype dtype :
       {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::f8_e4m3, Dtype::f8_e5m2}) {
    CHECK(select({tensor("a.weight", {16, 16}, dtype)}).matrices.size() == 1);
  }
}

TEST_CASE("the smallest number of singular values is inclusive", "[select]") {
  SelectionOptions options;
  options.min_evals = 12;
  CHECK(select({tensor("a", {12, 99})}, options).matrices.size() == 1);
  CHECK(select({tensor("a", {99, 11})}, options).matrices.empty());
  options.min_evals = 1;
  CHECK(select({tensor("a", {1, 99})}, options).matrices.size() == 1);
}

TEST_CASE("nothing is too large", "[select]") {
  const Selection selection = select({tensor("lm_head.weight", {256000, 65536}, Dtype::bf16)});
  CHECK(selection.matrices.size() == 1);
}

TEST_CASE("a stack of experts gives a matrix for each", "[select]") {
  const Selection selection =
      select({tensor("model.layers.1.mlp.experts.gate_up_proj", {12, 32, 48}, Dtype::bf16)});
  CHECK(selection.skipped.empty());
  REQUIRE(selection.matrices.size() == 12);
  for (std::int64_t e = 0; e < 12; ++e) {
    const Matrix& matrix = selection.matrices[static_cast<std::size_t>(e)];
    CHECK(matrix.key == "model.layers.1.mlp.experts.gate_up_proj[" + std::to_string(e) + "]");
    CHECK(matrix.expert == e);
    CHECK(matrix.block == 1);
    CHECK(matrix.role == "expert.gate_up");
    CHECK(matrix.layer_type == "dense");
    CHECK(matrix.rows == 32);
    CHECK(matrix.cols == 48);
    REQUIRE(matrix.num_views() == 1);
    CHECK(matrix.views[0].first == e * 32 * 48);
    CHECK(matrix.views[0].row_stride == 48);
    CHECK(matrix.views[0].col_stride == 1);
  }
}

TEST_CASE("the configuration identifies a stack of experts by their number", "[select]") {
  // [64, 32, 8]: by its shape alone a convolution with a kernel of 8.
  checkpoint::Catalogue c = catalogue({tensor("layers.0.moe.w", {64, 32, 8})});
  SelectionOptions options;
  options.min_evals = 1;
  CHECK(select_matrices(c, options).matrices.size() == 1);
  c.config.num_experts = 64;
  const Selection selection = select_matrices(c, options);
  REQUIRE(selection.matrices.size() == 64);
  CHECK(selection.matrices[5].expert == 5);
}

TEST_CASE("a stack that is not of experts has no expert index", "[select]") {
  const Selection selection = select({tensor("pos_embed", {1, 197, 64})});
  REQUIRE(selection.matrices.size() == 1);
  CHECK(selection.matrices[0].key == "pos_embed[0]");
  CHECK(selection.matrices[0].role == "embedding.position");
  CHECK(selection.matrices[0].expert == -1);
}

TEST_CASE("experts that are too small are skipped one by one", "[select]") {
  const Selection selection = select({tensor("l.experts.down_proj", {3, 64, 4})});
  CHECK(selection.matrices.empty());
  CHECK(skipped_of(selection) == std::vector<std::string>{"l.experts.down_proj[0]: too-small",
                                                          "l.experts.down_proj[1]: too-small",
                                                          "l.experts.down_proj[2]: too-small"});
  CHECK(selection.skipped[0].num_params == 256);
}

TEST_CASE("a tied tensor is analysed once and listed under its other names", "[select]") {
  checkpoint::Catalogue c = catalogue({tensor("model.embed_tokens.weight", {64, 32})});
  c.aliases = {{"tied.10.weight", "model.embed_tokens.weight"},
               {"lm_head.weight", "model.embed_tokens.weight"},
               {"tied.2.weight", "model.embed_tokens.weight"}};
  const Selection selection = select_matrices(c, {});
  REQUIRE(selection.matrices.size() == 1);
  CHECK(selection.matrices[0].aliases ==
        std::vector<std::string>{"lm_head.weight", "tied.2.weight", "tied.10.weight"});
}

TEST_CASE("the second embedding and head of a prediction block are left out", "[select]") {
  checkpoint::Catalogue c = catalogue({tensor("model.embed_tokens.weight", {64, 32}),
                                       tensor("model.layers.60.mlp.up_proj.weight", {64, 32}),
                                       tensor("model.layers.61.mlp.up_proj.weight", {64, 32}),
                                       tensor("model.layers.61.embed_tokens.weight", {64, 32}),
                                       tensor("model.layers.61.shared_head.head.weight", {64, 32}),
                                       tensor("lm_head.weight", {64, 32})});
  c.config.num_hidden_layers = 61;
  CHECK(skipped_of(select_matrices(c, {})) ==
        std::vector<std::string>{"model.layers.61.embed_tokens.weight: duplicate-of-main",
                                 "model.layers.61.shared_head.head.weight: duplicate-of-main"});
  CHECK(select_matrices(c, {}).matrices.size() == 4);
}

TEST_CASE("copies in a prediction block are told by their names and shapes", "[select]") {
  // GGUF's block_count includes these blocks.
  checkpoint::Catalogue c = catalogue(
      {tensor("token_embd.weight", {64, 32}), tensor("blk.1.nextn.embed_tokens.weight", {64, 32}),
       tensor("blk.1.nextn.shared_head_head.weight", {64, 32}),
       tensor("blk.1.nextn.eh_proj.weight", {32, 64}),
       tensor("model.mtp.embed_tokens.weight", {64, 32}), tensor("mtp.0.embed.weight", {64, 32}),
       tensor("mtp.0.emb.tok_emb.weight", {64, 32}), tensor("mtp.0.head.weight", {64, 32}),
       tensor("mtp.1.head.weight", {48, 32})});
  c.config.num_hidden_layers = 2;
  const Selection selection = select_matrices(c, {});
  CHECK(keys_of(selection) == std::vector<std::string>{"blk.1.nextn.eh_proj.weight",
                                                       "mtp.1.head.weight", "token_embd.weight"});
  CHECK(skipped_of(selection) ==
        std::vector<std::string>{"blk.1.nextn.embed_tokens.weight: duplicate-of-main",
                                 "blk.1.nextn.shared_head_head.weight: duplicate-of-main",
                                 "model.mtp.embed_tokens.weight: duplicate-of-main",
                                 "mtp.0.emb.tok_emb.weight: duplicate-of-main",
                                 "mtp.0.embed.weight: duplicate-of-main",
                                 "mtp.0.head.weight: duplicate-of-main"});
  CHECK(selection.skipped.at(0).detail ==
        "the multi-token prediction block repeats the model's own embedding and head");
  // Without the model they are the only ones.
  c.tensors.erase(c.tensors.begin());
  CHECK(select_matrices(c, {}).skipped.empty());
}

TEST_CASE("two dimensions of a stack of blocks are a vector for each", "[select]") {
  const std::string stem = "decoder.layers.self_attention.";
  const Tensor offsets = tensor(stem + "core_attention.softmax_offset", {16, 64});
  const Selection stacked =
      select({offsets, tensor(stem + "linear_qkv.weight", {16, 96, 32}),
              tensor("decoder.layers.mlp.experts.experts.linear_fc1.weight", {16, 2, 32, 32})});
  CHECK(stacked.matrices.size() == 48);
  CHECK(skipped_of(stacked) == std::vector<std::string>{offsets.name + ": one-dimensional"});
  CHECK(stacked.skipped.at(0).detail == "a vector for each layer has no spectrum");
  // Nothing else says that the first axis is the layer.
  CHECK(select({offsets}).matrices.size() == 1);
  CHECK(select({offsets, tensor(stem + "x", {16, 32, 32}), tensor(stem + "y", {12, 32, 32})})
            .skipped.empty());
  CHECK(select({offsets, tensor("encoder.layers.x", {16, 32, 32})}).skipped.empty());
  CHECK(select({tensor("layers.fc1.weight", {64, 32}), tensor("layers.fc2.weight", {32, 64})})
            .skipped.empty());
}

TEST_CASE("kernels of Flax whose axes are not known are left out", "[select]") {
  const std::string stem = "params.params.decoder.";
  const char* const layers =
      "stacks the layers along an axis that is not known to be the first, as MaxText's do along "
      "the second: save each layer by itself";
  const char* const heads =
      "a kernel with an axis of heads: save it as a matrix of inputs and outputs";
  for (const Tensor& one : {tensor(stem + "layers.mlp.wi_0.kernel", {32, 24, 64}),
                            tensor(stem + "layers.self_attention.query.kernel", {32, 24, 4, 16}),
                            tensor(stem + "dense_layers.mlp.wo.kernel", {64, 24, 32}),
                            tensor(stem + "moe_layers.MoeBlock_0.wi_0", {8, 24, 32, 64})}) {
    const SkippedRow row = skipped(one);
    CHECK(row.reason == "unsupported-shape");
    CHECK(row.detail == layers);
  }
  for (const Tensor& one : {tensor(stem + "layers_0.self_attention.query.kernel", {32, 4, 16}),
                            tensor(stem + "layers.0.self_attention.out.kernel", {4, 16, 32})}) {
    const SkippedRow row = skipped(one);
    CHECK(row.reason == "unsupported-shape");
    CHECK(row.detail == heads);
  }
  // The config says that the first axis is the layer, and that the second is not.
  checkpoint::Catalogue c = catalogue({tensor(stem + "layers.mlp.wi_0.kernel", {24, 32, 64})});
  c.config.num_hidden_layers = 24;
  CHECK(select_matrices(c, {}).matrices.size() == 24);
  c.tensors[0].shape = {24, 24, 64};
  CHECK(select_matrices(c, {}).matrices.empty());
  // Each layer by itself, and names of other frameworks.
  CHECK(select({tensor(stem + "layers.0.mlp.wi_0.kernel", {32, 64})}).matrices.size() == 1);
  CHECK(select({tensor("decoder.layers.mlp.wi_0.kernel", {24, 32, 64})}).matrices.size() == 24);
}

TEST_CASE("two tensors that hold the same matrix are refused", "[select]") {
  const std::string stem = "model.layers.0.mlp.experts.";
  checkpoint::Catalogue c = catalogue({tensor(stem + "gate_up_proj", {2, 32, 64}),
                                       tensor(stem + "1.up_proj.weight", {16, 64}),
                                       tensor("model.layers.0.mlp.up_proj.weight", {32, 64})});
  c.root = "/m";
  c.config.model_type = "qwen3_moe";
  c.config.hidden_size = 64;
  CHECK_THROWS_WITH(select_matrices(c, {}),
                    "/m: tensors 'model.layers.0.mlp.experts.1.up_proj.weight' and "
                    "'model.layers.0.mlp.experts.gate_up_proj' both hold matrix "
                    "'model.layers.0.mlp.experts.1.up_proj.weight', expected it once. Remove one "
                    "of them");
  c.tensors.erase(c.tensors.begin());
  CHECK(select_matrices(c, {}).matrices.size() == 2);
  // Brackets that a name has, and those that a key gets.
  c.tensors = {tensor("x.experts.w1[1]", {16, 64}), tensor("x.experts.w1", {2, 16, 64})};
  CHECK_THROWS_WITH(select_matrices(c, {}),
                    "/m: tensors 'x.experts.w1' and 'x.experts.w1[1]' both hold matrix "
                    "'x.experts.w1[1]', expected it once. Remove one of them");
}

TEST_CASE("compat mode takes what WeightWatcher takes", "[select][weightwatcher]") {
  SelectionOptions options;
  options.weightwatcher = true;
  const Selection selection = select(
      {tensor("embed.weight", {64, 32}), tensor("layernorm.weight", {64, 32}),
       tensor("up.weight", {64, 32}), tensor("experts.up_proj", {4, 64, 32}),
       tensor("bare", {64, 32}), tensor("conv1d.weight", {64, 32, 3}), tensor("n.weight", {64})},
      options);
  CHECK(keys_of(selection) ==
        std::vector<std::string>{"embed.weight", "layernorm.weight", "up.weight"});
  CHECK(skipped_of(selection) == std::vector<std::string>{"bare: not-in-weightwatcher",
                                                          "conv1d.weight: not-in-weightwatcher",
                                                          "experts.up_proj: not-in-weightwatcher",
                                                          "n.weight: one-dimensional"});
  CHECK(selection.skipped[0].detail == "WeightWatcher reads only names that end in .weight");
  CHECK(selection.skipped[1].detail == "WeightWatcher analyses only 2 and 4 dimensions");
  for (const Matrix& matrix : selection.matrices) {
    CHECK(matrix.layer_type == "dense");
    CHECK(matrix.float32_arithmetic);
  }
  // A checkpoint without any .weight is read by whole names.
  CHECK(select({tensor("bare", {64, 32})}, options).matrices.size() == 1);
}

TEST_CASE("matrices and skipped tensors are in natural order", "[select]") {
  const Selection selection =
      select({tensor("layers.10.a", {32, 32}), tensor("layers.9.a", {32, 32}),
              tensor("layers.10.b", {3}), tensor("layers.9.b", {3})});
  CHECK(keys_of(selection) == std::vector<std::string>{"layers.9.a", "layers.10.a"});
  CHECK(skipped_of(selection) ==
        std::vector<std::string>{"layers.9.b: one-dimensional", "layers.10.b: one-dimensional"});
}

TEST_CASE("every element ends up in one view or in a skipped row, in any order of the tensors",
          "[select][property]") {
  const std::vector<std::string> names{"up.weight",
                                       "norm.weight",
                                       "conv.weight",
                                       "experts.w1",
                                       "patch_embed.proj.weight",
                                       "embed_tokens.weight",
                                       "x.bias",
                                       "bare",
                                       "layers.3.mlp.gate.weight"};
  const std::vector<std::int64_t> extents{0, 1, 2, 3, 5, 12, 17};
  const std::vector<Dtype> dtypes{Dtype::f32, Dtype::f32, Dtype::bf16, Dtype::f16, Dtype::i8};
  std::mt19937_64 random(7);
  const auto pick = [&](const auto& list) { return list[random() % list.size()]; };
  std::int64_t analysed = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < 12; ++i) {
      std::vector<std::int64_t> shape(random() % 6);
      for (std::int64_t& extent : shape) extent = pick(extents);
      tensors.push_back(tensor("t" + std::to_string(i) + "." + pick(names), shape, pick(dtypes)));
    }
    SelectionOptions options;
    options.weightwatcher = random() % 3 == 0;
    options.pool = random() % 2 == 0;
    options.min_evals = static_cast<std::int64_t>(random() % 6) + 1;
    if (random() % 2 == 0) options.layers = {"t*", "-t3.*"};
    // The pattern that leaves out must match something.
    tensors[3] = tensor("t3.weight", {20, 20});
    const Selection selection = select(tensors, options);

    std::map<std::string, std::vector<int>> counts;
    std::map<std::string, std::int64_t> skipped_elements;
    for (const Tensor& t : tensors) {
      counts[t.name].resize(static_cast<std::size_t>(t.num_elements));
    }
    for (const Matrix& matrix : selection.matrices) {
      count_elements(matrix, counts.at(matrix.tensor.name));
      CHECK(matrix.num_values() >= options.min_evals);
    }
    for (const SkippedRow& row : selection.skipped) {
      skipped_elements[row.tensor.substr(0, row.tensor.find('['))] += row.num_params;
    }
    for (const Tensor& t : tensors) {
      const std::vector<int>& seen = counts[t.name];
      const auto taken = std::count(seen.begin(), seen.end(), 1);
      CAPTURE(t.name, trial);
      CHECK(std::all_of(seen.begin(), seen.end(), [](int count) { return count <= 1; }));
      CHECK(taken + skipped_elements[t.name] == t.num_elements);
      if (taken == 0) CHECK(skipped_elements.count(t.name) == 1);
      analysed += taken;
    }

    std::shuffle(tensors.begin(), tensors.end(), random);
    CHECK(bytes_of(select(tensors, options)) == bytes_of(selection));
  }
  CHECK(analysed > 100'000);
}
