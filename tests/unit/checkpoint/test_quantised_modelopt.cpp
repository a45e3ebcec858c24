/// @file
/// What ModelOpt and its like say of single layers, and stacks of experts as it stores them.

#include <catch2/catch.hpp>

#include "quantised_examples.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

/// FP8 of rows x cols, all ones, with scales of this shape that count from 1.
Example fp8_example(const std::string& facts, const std::string& scale, std::int64_t rows,
                    std::int64_t cols, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  std::vector<float> scales;
  for (std::int64_t i = 0; i < count; ++i) scales.push_back(static_cast<float>(i + 1));
  Example example;
  example.config = config_of(facts);
  example.tensors = {{"m.weight", "F8_E4M3", {rows, cols}, times("\x38", rows * cols)},
                     {scale, "F32", shape, little_floats(scales)}};
  example.weight = "m.weight";
  example.rows = rows;
  example.cols = cols;
  example.value = [=](std::int64_t i, std::int64_t j) {
    return static_cast<double>(i / 128 * ((cols + 127) / 128) + j / 128 + 1);
  };
  return example;
}

std::vector<double> elements_of(const Example& example, const std::string& name) {
  const TempFolder folder;
  const Catalogue catalogue = opened(folder, example);
  const auto reader = make_reader(catalogue.root, catalogue.files);
  for (const Tensor& tensor : catalogue.tensors) {
    if (tensor.name != name) continue;
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    reader->read_elements(tensor, 0, values);
    return values;
  }
  return {};
}

}  // namespace

TEST_CASE("a layer's own algorithm counts before that of the model, in either case",
          "[quantised]") {
  const std::string mixed =
      R"("quant_method":"modelopt","quant_algo":"MIXED_PRECISION","quantized_layers":{"m":{"quant_algo":)";
  for (const char* const algorithm : {"FP8_PB_WO", "fp8_pb_wo", "fp8_pb_real"}) {
    const std::string name = "\"" + std::string(algorithm) + "\"";
    for (const std::string& facts :
         {mixed + name + "}}", R"("quant_method":"modelopt","quant_algo":)" + name}) {
      CHECK(wrong_elements(fp8_example(facts, "m.weight_scale", 256, 384, {2, 3})) == 0);
      CHECK(wrong_elements(fp8_example(facts, "m.weight_scale", 256, 384, {2, 1, 3, 1})) == 0);
    }
  }
  // A layer that is not in blocks, in a model that is.
  const std::string whole =
      R"("quant_method":"modelopt","quant_algo":"FP8_PB_WO","quantized_layers":{"m":{"quant_algo":"FP8"}})";
  Example rows = fp8_example(whole, "m.weight_scale", 256, 384, {256, 1});
  rows.value = [](std::int64_t i, std::int64_t) { return static_cast<double>(i + 1); };
  CHECK(wrong_elements(rows) == 0);
  CHECK(refusal_of(fp8_example(whole, "m.weight_scale", 256, 384, {2, 3})) ==
        "F: quantised tensor 'm.weight': expected one scale, or one for each row, group or block, "
        "found shapes 256 x 384 and 2 x 3");
}

TEST_CASE("mxfp8 has blocks of one row and 32 columns", "[quantised]") {
  Example example;
  for (const char* const more : {"", R"(,"weight_block_size":[1,32])"}) {
    example.config =
        config_of(R"("quant_method":"mxfp8","fmt":"e4m3","scale_fmt":"ue8m0")" + std::string(more));
    example.tensors = {{"m.weight", "F8_E4M3", {16, 64}, times("\x38", 16 * 64)},
                       {"m.weight_scale_inv", "U8", {16, 2}, times("\x7F\x80", 16)}};
    example.weight = "m.weight";
    example.rows = 16;
    example.cols = 64;
    example.value = [](std::int64_t, std::int64_t j) { return j < 32 ? 1.0 : 2.0; };
    CHECK(wrong_elements(example) == 0);
  }
}

TEST_CASE("groups of NVFP4 have 16 columns or 32, as config and shapes tell", "[quantised]") {
  Example example = nvfp4_example();
  const auto with = [&](const std::string& facts, std::int64_t groups) {
    example.config = config_of(R"("quant_method":"modelopt",)" + facts);
    example.at("m.weight_scale") = {
        "m.weight_scale", "F8_E4M3", {4, groups}, times("\x38", 4 * groups)};
    return refusal_of(example);
  };
  const std::string opened = "nothing was thrown";
  const std::string w4a8 = R"("quant_algo":"W4A8_NVFP4_FP8")";
  CHECK(with(w4a8, 1) == opened);
  CHECK(wrong_elements(example) == 0);
  CHECK(with(w4a8, 2) == opened);
  CHECK(with(w4a8 + R"(,"group_size":32)", 1) == opened);
  CHECK(with(w4a8 + R"(,"group_size":16)", 1) ==
        "F: quantised tensor 'm.weight': expected a scale for each group of 16 of its 32 columns, "
        "found shapes 4 x 16 and 4 x 1");
  CHECK(with(R"("quant_algo":"NVFP4_AWQ","group_size":128)", 2) == opened);
  CHECK(with(R"("quant_algo":"NVFP4")", 1).find("each group of 16") != std::string::npos);
}

TEST_CASE("stacks of experts that ModelOpt stores by inputs and outputs are read", "[quantised]") {
  const std::string stack = "l.feed_forward.experts.down_proj";
  Example example;
  example.config = config_of(R"("quant_method":"modelopt","quant_algo":"FP8")");
  example.tensors = {{stack, "F8_E4M3", {2, 4, 8}, times("\x38", 64)},
                     {stack + "_weight_scale", "F32", {}, little_floats({3})},
                     {stack + "_input_scale", "F32", {}, little_floats({5})}};
  CHECK(elements_of(example, stack) == std::vector<double>(64, 3.0));
  example.tensors[1] = {stack + "_weight_scale", "F32", {2, 1, 1}, little_floats({3, 7})};
  CHECK(elements_of(example, stack).back() == 7);
  example.tensors[1] = {stack + "_weight_scale",
                        "F32",
                        {2, 8, 1},
                        little_floats({1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8})};
  CHECK(refusal_of(example) == "F: quantised tensor '" + stack +
                                   "': expected one scale, found shapes 2 x 4 x 8 and 2 x 8 x 1");
  // NVFP4: two inputs in a byte, one below the other; a scale for 16 inputs of an output.
  const std::string up = "l.feed_forward.experts.gate_up_proj";
  example.config = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4")");
  example.tensors = {{up, "U8", {2, 16, 3}, times("\x42", 96)},
                     {up + "_weight_scale", "F8_E4M3", {2, 2, 3}, times("\x38\x40\x48", 4)},
                     {up + "_weight_scale_2", "F32", {}, little_floats({0.5F})}};
  example.at(up + "_weight_scale").data[6] = '\x30';  // the second expert
  const std::vector<double> values = elements_of(example, up);
  REQUIRE(values.size() == 192);
  CHECK(std::vector<double>(values.begin(), values.begin() + 6) ==
        std::vector<double>{0.5, 1, 2, 1, 2, 4});
  CHECK(values[96] == 0.25);
  CHECK(values[96 + 16 * 3] == 0.5);
  example.tensors[1].shape = {2, 3, 2};
  CHECK(refusal_of(example) == "F: quantised tensor '" + up +
                                   "': expected a scale for each group of 16 of its 32 rows, found "
                                   "shapes 2 x 16 x 3 and 2 x 3 x 2");
}

TEST_CASE("scales tell that a stack of NVFP4 is stored by outputs and inputs", "[quantised]") {
  // Two experts of 3 outputs and 32 inputs: two inputs in a byte, beside each other.
  const std::string up = "l.experts.gate_up_proj";
  for (const std::string& scale : {up + "_weight_scale", up + ".scale"}) {
    const std::string global = scale + (scale.ends_with("_scale") ? "_2" : "2");
    Example example;
    example.config = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4")");
    example.tensors = {{up, "U8", {2, 3, 16}, times("\x42", 96)},
                       {scale, "F8_E4M3", {2, 3, 2}, times("\x38\x40\x48", 4)},
                       {global, "F32", {2}, little_floats({0.5F, 4})},
                       {up + ".input_amax", "F32", {1}, little_floats({7})}};
    const std::vector<double> values = elements_of(example, up);
    REQUIRE(values.size() == 192);
    CHECK(std::vector<double>(values.begin(), values.begin() + 2) == std::vector<double>{0.5, 1});
    CHECK(values[16] == 1);    // the second group
    CHECK(values[32] == 2);    // the second row: scales are 1, 2, 4, 1, 2, 4
    CHECK(values[96] == 4);    // the second expert
    CHECK(values[191] == 32);  // scale 4
    example.tensors[1].shape = {2, 2, 3};
    const bool either = scale.ends_with("_scale");  // then the scales tell which
    CHECK(refusal_of(example) ==
          "F: quantised tensor '" + up + "': expected a scale for each group of 16 of its " +
              (either ? "6 rows" : "32 columns") + ", found shapes 2 x 3 x 16 and 2 x 2 x 3");
  }
}

TEST_CASE("the shape that Inkling tells beside a stack must be that of the stack", "[quantised]") {
  const std::string w2 = "l.experts.w2_weight";
  const auto with = [&](const char* type, const std::vector<std::int64_t>& shape) {
    Example example;
    example.config = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4")");
    example.tensors = {{w2, "U8", {2, 3, 8}, times("\x42", 48)},
                       {w2 + ".scale", "F8_E4M3", {2, 3, 1}, times("\x38", 6)},
                       {w2 + ".scale2", "F32", {2}, little_floats({1, 1})},
                       {w2 + ".original_shape",
                        type,
                        {3},
                        bytes_of(std::span<const std::int64_t>(shape))
                            .substr(0, std::string(type) == "I64" ? 24 : 12)}};
    return refusal_of(example);
  };
  CHECK(with("I64", {2, 3, 16}) == "nothing was thrown");
  const std::string begin = "F: quantised tensor '" + w2 + "': expected its shape 2 x 3 x 16 in '" +
                            w2 + ".original_shape', found ";
  CHECK(with("I64", {2, 3, 14}) == begin + "2 x 3 x 14");
  CHECK(with("I32", {2, 3, 16}) == begin + "I32");
}

TEST_CASE("experts of a model of FP8 may be in NVFP4, if its config says so", "[quantised]") {
  Example example;
  const auto config = [](const std::string& algorithm) {
    return config_of(
        R"("quant_method":"fp8","weight_block_size":[128,128],)" + algorithm +
        R"("quant_algo":"MIXED_PRECISION","group_size":16,"producer":{"name":"modelopt"})");
  };
  example.config = config(R"("moe_quant_algo":"NVFP4",)");
  const std::string w1 = "layers.0.ffn.experts.0.w1.";
  const std::string mtp = "mtp.0.ffn.experts.0.w1.";
  example.tensors = {{"layers.0.attn.wkv.weight", "F8_E4M3", {4, 32}, times("\x38", 128)},
                     {"layers.0.attn.wkv.scale", "F8_E8M0", {1, 1}, "\x80"},
                     {w1 + "weight", "U8", {4, 16}, times("\x42", 64)},
                     {w1 + "weight_scale", "F8_E4M3", {4, 2}, times("\x38\x40", 4)},
                     {w1 + "weight_scale_2", "F32", {}, little_floats({3})},
                     {w1 + "input_scale", "F32", {}, little_floats({5})},
                     {mtp + "weight", "I8", {4, 16}, times("\x42", 64)},
                     {mtp + "scale", "F8_E8M0", {4, 1}, times("\x81", 4)}};
  const auto begin = [&](const std::string& name, std::size_t first) {
    const std::vector<double> values = elements_of(example, name);
    REQUIRE(values.size() == 128);
    return std::vector<double>{values[first], values[first + 1]};
  };
  CHECK(begin("layers.0.attn.wkv.weight", 0) == std::vector<double>{2, 2});
  CHECK(begin(w1 + "weight", 0) == std::vector<double>{3, 6});
  CHECK(begin(w1 + "weight", 16) == std::vector<double>{6, 12});
  CHECK(begin(mtp + "weight", 0) == std::vector<double>{4, 8});
  example.config = config("");
  CHECK(refusal_of(example).starts_with("F: quantised tensor '" + w1 + "weight_scale'"));
  example.config = config(R"("moe_quant_algo":"IQ3_WIRE",)");
  CHECK(
      refusal_of(example) ==
      "F/config.json: moe_quant_algo 'IQ3_WIRE' of fp8, which is not read: dequantise it with the "
      "program that made it, or scan the model that it was made from. With --allow-unknown its "
      "tensors are left out");
}

TEST_CASE("facts of a config are searched once, not for each weight", "[quantised]") {
  // With a search for each weight this takes minutes under sanitizers.
  constexpr int kLayers = 4000;
  Example example;
  std::string layers;
  for (int i = 0; i < kLayers; ++i) {
    const std::string module = "m" + std::to_string(i);
    example.tensors.push_back({module + ".weight", "F8_E4M3", {1, 2}, "\x38\x38"});
    example.tensors.push_back({module + ".weight_scale", "F32", {}, little_floats({1})});
    layers += (layers.empty() ? "\"" : ",\"") + module + R"(":{"quant_algo":"FP8"})";
  }
  example.config =
      config_of(R"("quant_method":"modelopt","quant_algo":"MIXED_PRECISION","quantized_layers":{)" +
                layers + "}");
  const TempFolder folder;
  CHECK(opened(folder, example).tensors.size() == kLayers);
}
