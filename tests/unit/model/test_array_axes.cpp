/// @file
/// Kernels of Keras, TensorFlow and Flax, whose inputs and outputs are the last two axes.

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

namespace {

Selection select(const std::string& format, std::vector<Tensor> tensors,
                 const SelectionOptions& options = {}) {
  checkpoint::Catalogue c = catalogue(std::move(tensors));
  c.format = format;
  return select_matrices(c, options);
}

const char* const kUnknown =
    "an array of three dimensions, of which nothing says which are inputs and outputs: save it as "
    "matrices";

/// Each element of the only tensor is in the matrix once.
void check_covers(const Matrix& matrix) {
  std::vector<int> counts(static_cast<std::size_t>(matrix.tensor.num_elements), 0);
  count_elements(matrix, counts);
  CHECK(std::count(counts.begin(), counts.end(), 1) == std::ssize(counts));
}

}  // namespace

TEST_CASE("patch embeddings of Keras and Flax map all but the last axis", "[axes]") {
  const std::string name = "vision_model.embeddings.patch_embedding.";
  for (const char* format : {"keras", "flax", "numpy"}) {
    for (const std::int64_t kernel : {8, 16}) {
      const Selection selection =
          select(format, {tensor(name + "kernel", {kernel, kernel, 3, 96})});
      REQUIRE(selection.matrices.size() == 1);
      const Matrix& matrix = selection.matrices[0];
      CHECK(matrix.role == "vision.patch");
      CHECK(matrix.rows == 3 * kernel * kernel);
      CHECK(matrix.cols == 96);
      CHECK(matrix.views[0].row_stride == 96);
      check_covers(matrix);
    }
  }
  CHECK(select("keras", {tensor("layers.patch_embedding.vars.0", {8, 8, 3, 96})})
            .matrices.at(0)
            .rows == 192);
  CHECK(select("flax", {tensor(name + "kernel", {2, 14, 14, 3, 96})}).matrices.at(0).rows == 1176);
  // PyTorch's, also as arrays of NumPy.
  CHECK(select("safetensors", {tensor(name + "weight", {96, 3, 16, 16})}).matrices.at(0).rows ==
        96);
  CHECK(select("numpy", {tensor(name + "kernel", {768, 3, 16, 16})}).matrices.at(0).rows == 768);
}

TEST_CASE("convolutions of Keras have their kernel first", "[axes]") {
  for (const char* name :
       {"model.encoder.conv1.kernel", "layers.conv1d_2.vars.0", "layers.tcn._conv.vars.0"}) {
    const Matrix matrix = select("keras", {tensor(name, {3, 48, 80})}).matrices.at(0);
    CHECK(matrix.layer_type == "conv1d");
    CHECK(matrix.rows == 48);
    CHECK(matrix.cols == 80);
    REQUIRE(matrix.num_views() == 3);
    CHECK(matrix.views[2].first == std::int64_t{2} * 48 * 80);
    check_covers(matrix);
  }
  SelectionOptions slices;
  slices.pool = false;
  CHECK(select("keras", {tensor("layers.conv1d.vars.0", {3, 48, 80})}, slices).matrices.size() ==
        3);
  // A kernel that is larger than its inputs and outputs.
  for (const char* format : {"keras", "flax"}) {
    const Matrix wide = select(format, {tensor("stem.conv.kernel", {11, 11, 3, 16})}).matrices[0];
    CHECK(wide.rows == 3);
    CHECK(wide.cols == 16);
    CHECK(wide.num_views() == 121);
    check_covers(wide);
  }
  const auto reason = [](const char* name, const std::vector<std::int64_t>& shape) {
    return select("keras", {tensor(name, shape)}).skipped.at(0).reason;
  };
  CHECK(reason("block.depthwise_conv2d.depthwise_kernel", {5, 5, 96, 1}) == "depthwise");
  CHECK(reason("layers.depthwise_conv1d.vars.0", {15, 96, 1}) == "depthwise");
  CHECK(reason("layers.conv2d.vars.0", {5, 5, 1, 32}) == "depthwise");
  // Compat mode sees what WeightWatcher sees.
  SelectionOptions compat;
  compat.weightwatcher = true;
  CHECK(select("keras", {tensor("conv.kernel", {3, 3, 16, 24})}, compat).matrices.at(0).rows == 16);
  CHECK(select("keras", {tensor("conv.kernel", {11, 11, 3, 16})}, compat).matrices.at(0).rows ==
        11);
}

TEST_CASE("the output of an attention tells the axes of its queries", "[axes]") {
  struct Names {
    std::string attention;
    std::string query;
    std::string key;
    std::string output;
    std::string kind;
  };
  for (const Names& n :
       {Names{"layers.llama_transformer_decoder_1._self_attention_layer.", "_query_dense",
              "_key_dense", "_output_dense", ".vars.0"},
        Names{"layers.multi_head_attention.", "query_dense", "key_dense", "output_dense",
              ".vars.0"},
        Names{"encoder.layer_3.self_attention.", "query", "key", "attention_output", ".kernel"}}) {
    const std::string query = n.attention + n.query + n.kind;
    const std::string key = n.attention + n.key + n.kind;
    const std::string output = n.attention + n.output + n.kind;
    const Selection selection = select(
        "keras",
        {tensor(key, {64, 4, 20}), tensor(output, {12, 20, 64}), tensor(query, {64, 12, 20})});
    REQUIRE(selection.matrices.size() == 3);
    for (const Matrix& matrix : selection.matrices) {
      CHECK(matrix.block == -1);
      CHECK(matrix.rows == (matrix.key == output ? 240 : 64));
      CHECK(matrix.cols == (matrix.key == key ? 80 : matrix.key == query ? 240 : 64));
      check_covers(matrix);
    }
    // Gemma's, [heads, inputs, width]; as many heads as inputs; no output.
    const Selection gemma = select("keras", {tensor(key, {4, 64, 20}), tensor(output, {12, 20, 64}),
                                             tensor(query, {12, 64, 20})});
    REQUIRE(gemma.matrices.size() == 1);
    CHECK(gemma.matrices[0].rows == 240);
    CHECK(skipped_of(gemma) ==
          std::vector<std::string>{key + ": unsupported-shape", query + ": unsupported-shape"});
    CHECK(gemma.skipped[0].detail == kUnknown);
    CHECK(select("keras", {tensor(output, {64, 20, 64}), tensor(query, {64, 64, 20})})
              .matrices.empty());
    CHECK(select("keras", {tensor(query, {64, 12, 20})}).matrices.empty());
  }
}

TEST_CASE("other arrays of Keras of three dimensions are not guessed", "[axes]") {
  const Selection selection =
      select("keras", {tensor("layers.einsum_dense.vars.0", {16, 32, 64}),
                       tensor("layers.einsum_dense.vars.1", {32, 64}),  // its bias
                       tensor("layers.dense.vars.0", {16, 64}), tensor("layers.dense.vars.1", {64}),
                       tensor("vit.embeddings.position_embeddings", {1, 197, 96}),
                       tensor("layers.position.vars.0", {1, 197, 96})});
  CHECK(skipped_of(selection) ==
        std::vector<std::string>{"layers.dense.vars.1: one-dimensional",
                                 "layers.einsum_dense.vars.0: unsupported-shape",
                                 "layers.einsum_dense.vars.1: not-a-linear-map"});
  CHECK(keys_of(selection) == std::vector<std::string>{"layers.dense.vars.0",
                                                       "layers.position.vars.0[0]",
                                                       "vit.embeddings.position_embeddings[0]"});
  // In other formats the same names are what they were.
  CHECK(
      select("safetensors", {tensor("layers.einsum_dense.vars.0", {16, 32, 64})}).matrices.size() ==
      16);
}
