/// @file
/// Convolutions of MLX, whose inputs are the last axis.

#include <catch2/catch.hpp>

#include "adapter_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

using Shape = std::vector<std::int64_t>;

const std::string kMlx = R"("__metadata__":{"format":"mlx"},)";

TensorText counted(const std::string& name, const Shape& shape) {
  std::vector<float> values;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  return tensor(name, shape, values);
}

/// The shape that a tensor of this name and shape is read with.
Shape shape_of(const std::string& name, const Shape& shape, const std::string& header = kMlx) {
  const TempFolder folder;
  folder.write("model.safetensors", safetensors_bytes({counted(name, shape)}, header));
  return open_checkpoint(folder.path()).tensors.at(0).shape;
}

}  // namespace

TEST_CASE("convolutions of MLX are read in PyTorch's order of axes", "[checkpoint]") {
  const TempFolder folder;
  folder.write("model.safetensors", safetensors_bytes({counted("a.conv1.weight", {2, 3, 4}),
                                                       counted("b.conv2.weight", {2, 3, 4, 5})},
                                                      kMlx));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 2);
  const Tensor& one = catalogue.tensors[0];
  CHECK(one.shape == Shape{2, 4, 3});
  std::vector<double> wanted;
  for (int o = 0; o < 2; ++o) {
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 3; ++k) wanted.push_back((o * 3 + k) * 4 + i);
    }
  }
  CHECK(values_of(catalogue, one) == wanted);
  const Tensor& two = catalogue.tensors[1];
  CHECK(two.shape == Shape{2, 5, 3, 4});
  wanted.clear();
  for (int o = 0; o < 2; ++o) {
    for (int i = 0; i < 5; ++i) {
      for (int k = 0; k < 12; ++k) wanted.push_back((o * 12 + k) * 5 + i);
    }
  }
  CHECK(values_of(catalogue, two) == wanted);
}

TEST_CASE("what is a convolution of MLX is told by name and kernel", "[checkpoint]") {
  CHECK(shape_of("a.depthwise_conv.weight", {64, 31, 1}) == Shape{64, 1, 31});
  CHECK(shape_of("a.down.weight", {20, 3, 24}) == Shape{20, 24, 3});
  CHECK(shape_of("a.patch_embed.proj.weight", {20, 16, 16, 3}) == Shape{20, 3, 16, 16});
  CHECK(shape_of("a.patch_embed.proj.weight", {20, 2, 16, 16, 3}) == Shape{20, 3, 2, 16, 16});
  CHECK(shape_of("a.down.weight", {20, 3, 5, 24}) == Shape{20, 24, 3, 5});
  // Stacks of experts, heads and tables of positions.
  for (const auto& [name, shape] :
       std::vector<std::pair<std::string, Shape>>{{"a.switch_mlp.up_proj.weight", {32, 8, 24}},
                                                  {"a.experts.up_proj.weight", {32, 8, 24}},
                                                  {"a.embed_q.weight", {16, 32, 24}},
                                                  {"a.pos_embed", {1, 16, 16, 24}},
                                                  {"a.bias_table", {2, 4, 20, 20}},
                                                  {"a.q_proj.weight", {8, 24}}}) {
    INFO(name);
    CHECK(shape_of(name, shape) == shape);
  }
  // Files of other programs.
  for (const std::string& header :
       {std::string(), std::string(R"("__metadata__":{"format":"pt"},)")}) {
    CHECK(shape_of("a.conv.weight", {20, 3, 24}, header) == Shape{20, 3, 24});
  }
}

TEST_CASE("shapes tell a file of MLX whose convolutions are in PyTorch's order", "[checkpoint]") {
  const auto opened = [](const std::vector<TensorText>& tensors) {
    const TempFolder folder;
    folder.write("model.safetensors", safetensors_bytes(tensors, kMlx));
    return open_checkpoint(folder.path());
  };
  const TensorText turned = counted("a.conv.weight", {20, 24, 3});
  const TensorText either = counted("b.conv.weight", {20, 1, 31});
  const TensorText mlx = counted("c.conv.weight", {20, 3, 24});
  const Catalogue pytorch = opened({turned, either});
  REQUIRE(pytorch.tensors.size() == 2);
  CHECK(pytorch.tensors[0].shape == Shape{20, 24, 3});
  CHECK(pytorch.tensors[1].shape == Shape{20, 1, 31});
  CHECK(opened({either, mlx}).tensors.at(0).shape == Shape{20, 31, 1});
  const Catalogue both = opened({turned, either, mlx, counted("q.weight", {4, 4})});
  REQUIRE(both.tensors.size() == 1);
  CHECK(both.tensors[0].name == "q.weight");
  REQUIRE(both.left_out.size() == 3);
  CHECK(both.left_out[0].reason == "unsupported-shape");
  CHECK(both.left_out[0].detail ==
        "the convolutions of this file of MLX have two orders of axes, and which is whose is not "
        "told");
}

TEST_CASE("the difference of a convolution of MLX and one of PyTorch is that of its elements",
          "[checkpoint]") {
  const TempFolder mlx;
  const TempFolder torch;
  mlx.write("model.safetensors",
            safetensors_bytes({tensor("conv.weight", {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8})}, kMlx));
  torch.write("model.safetensors",
              safetensors_bytes({tensor("conv.weight", {2, 2, 2}, {1, 3, 2, 4, 5, 7, 6, 8})}));
  const Catalogue difference = open_checkpoint(mlx.path(), {torch.path(), "", ""});
  CHECK(values_of(difference, difference.tensors.at(0)) == std::vector<double>(8, 0.0));
}
