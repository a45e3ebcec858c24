/// @file
/// Quantised weights as files of the hub have them, whole or damaged, where the good guess is
/// wrong.

#include <algorithm>

#include <catch2/catch.hpp>

#include "quantised_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

std::string filled(std::int64_t count, char byte) {
  return std::string(static_cast<std::size_t>(count), byte);
}

std::string refused(const Example& example) {
  const std::string text = refusal_of(example);
  constexpr std::string_view kStart = "F: quantised tensor ";
  return text.starts_with(kStart) ? text.substr(kStart.size()) : "no refusal of a tensor: " + text;
}

/// MLX of 4 x 64 in this mode, scales of U8.
Example mlx_example(const std::string& mode, std::int64_t bits, std::int64_t group, char scale) {
  Example example;
  example.config = "{\"quantization\":{\"group_size\":" + std::to_string(group) +
                   ",\"bits\":" + std::to_string(bits) + ",\"mode\":\"" + mode + "\"}}";
  example.tensors = {{"m.weight", "U32", {4, 2 * bits}, filled(4 * 8 * bits, '\x22')},
                     {"m.scales", "U8", {4, 64 / group}, filled(4 * 64 / group, scale)}};
  example.weight = "m.weight";
  example.rows = 4;
  example.cols = 64;
  return example;
}

/// NVFP4 of ModelOpt: 4 x 32.
Example nvfp4_example() {
  Example example;
  example.config = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4")");
  example.tensors = {{"m.weight", "U8", {4, 16}, filled(64, '\x11')},
                     {"m.weight_scale", "F8_E4M3", {4, 2}, filled(8, '\x38')},
                     {"m.weight_scale_2", "F32", {}, little_floats({2.0F})}};
  example.weight = "m.weight";
  return example;
}

}  // namespace

TEST_CASE("NaN bytes in ModelOpt's E4M3 scales are named with their tensor and number",
          "[quantised]") {
  Example example = nvfp4_example();
  example.at("m.weight_scale").data[3] = '\x7F';
  example.at("m.weight_scale").data[6] = '\xFF';
  CHECK(error_of([&] { static_cast<void>(values_of(example)); }) ==
        "2 of the 8 scales in 'm.weight_scale' are not numbers (NaN). The program that quantised "
        "the weights wrote them: quantise again");
  example = nvfp4_example();
  example.at("m.weight_scale_2").data = little_floats({std::nanf("")});
  CHECK(error_of([&] {
          static_cast<void>(values_of(example));
        }).starts_with("1 of the 1 scales in 'm.weight_scale_2' are not numbers"));
  // Computed from the packed bytes: half as many scales.
  example = nvfp4_example();
  example.at("m.weight_scale") = {"m.weight_scale", "F8_E4M3", {4, 1}, filled(4, '\x38')};
  CHECK(refused(example) ==
        "'m.weight': expected a scale for each group of 16 of its 32 columns, found shapes 4 x 16 "
        "and 4 x 1");
}

TEST_CASE("exponent 255 is no infinity, whatever mlx computes from it", "[quantised]") {
  for (const char* mode : {"mxfp4", "mxfp8"}) {
    const std::int64_t bits = std::string(mode) == "mxfp4" ? 4 : 8;
    const Example example = mlx_example(mode, bits, 32, '\xFF');
    CHECK(error_of([&] {
            static_cast<void>(values_of(example));
          }).starts_with("8 of the 8 scales in 'm.scales' are not numbers (NaN)"));
  }
}

TEST_CASE("the mode says what MLX's bytes of scales are", "[quantised]") {
  const auto first = [](const Example& example) { return values_of(example)[0]; };
  // fp4 2 is 1; the byte 0x38 is 2^(56 - 127) or 1 as E4M3.
  CHECK(first(mlx_example("mxfp4", 4, 32, '\x38')) == std::ldexp(1.0, 56 - 127));
  CHECK(first(mlx_example("nvfp4", 4, 16, '\x38')) == 1.0);
  Example example = mlx_example("mxfp4", 4, 32, '\x7F');
  example.tensors.push_back({"m.biases", "F32", {4, 2}, filled(32, '\0')});
  CHECK(refused(example) == "'m.weight': mode 'mxfp4' has no biases, but 'biases' are there");
  // The scale of the whole tensor that others' NVFP4 has.
  example = mlx_example("nvfp4", 4, 16, '\x38');
  example.tensors.push_back({"m.weight_scale_2", "F32", {1}, little_floats({3.0F})});
  CHECK(refused(example).find("m.weight_scale_2") != std::string::npos);
  // mlx-swift and ollama store one too; the first divides it by 448 * 6, the other does not.
  for (const std::string name : {"m.global_scale", "m.weight.global_scale"}) {
    example.tensors.back().name = name;
    CHECK(refused(example) ==
          "'" + name +
              "': tensors of a quantised weight that do not make up a scheme that is read: '" +
              name + "' (F32, 1)");
  }
  CHECK(refused(mlx_example("mxfp4", 4, 64, '\x7F')) ==
        "'m.weight': mode 'mxfp4' has no 4 bits in groups of 64");
}

TEST_CASE("layers of one checkpoint have different formats, and their tensors decide",
          "[quantised]") {
  Example example;
  example.config =
      config_of(R"("quant_method":"compressed-tensors","format":"mixed-precision",)"
                R"("config_groups":{"a":{"format":"nvfp4-pack-quantized"},)"
                R"("b":{"format":"mxfp8-quantized"},"c":{"format":"float-quantized"}})");
  example.tensors = {{"a.weight_packed", "U8", {4, 16}, filled(64, '\x22')},    // 1
                     {"a.weight_scale", "F8_E4M3", {4, 2}, filled(8, '\x40')},  // 2
                     {"a.weight_global_scale", "F32", {1}, little_floats({8.0F})},
                     {"b.weight", "F8_E4M3", {4, 32}, filled(128, '\x40')},
                     {"b.weight_scale", "U8", {4, 1}, filled(4, '\x7E')},  // 2^-1
                     {"c.weight", "F8_E4M3", {4, 32}, filled(128, '\x40')},
                     {"c.weight_scale", "F32", {4, 1}, little_floats({1, 2, 3, 4})},
                     {"d.weight", "F32", {4, 8}, filled(128, '\0')}};
  const auto first = [&](const char* name) {
    example.weight = name;
    return values_of(example)[32];
  };
  CHECK(first("a.weight") == 0.25);
  CHECK(first("b.weight") == 1);
  CHECK(first("c.weight") == 4);
  // MXFP4 with zero points is not read.
  example.tensors = {{"a.weight_packed", "U8", {4, 16}, filled(64, '\x22')},
                     {"a.weight_scale", "U8", {4, 1}, filled(4, '\x7F')},
                     {"a.weight_zero_point", "U8", {4, 1}, filled(4, '\1')}};
  CHECK(refused(example).find("'a.weight_zero_point'") != std::string::npos);
}

TEST_CASE("scales of stacks of experts", "[quantised]") {
  // Blocks of 16 x 32 in each expert.
  Example example;
  example.config = config_of(R"("quant_method":"fp8","weight_block_size":[16,32])");
  std::vector<float> scales;
  for (int k = 0; k < 8; ++k) scales.push_back(static_cast<float>(k + 1));
  example.tensors = {{"m.gate_up_proj", "F8_E4M3", {2, 24, 64}, filled(2 * 24 * 64, '\x38')},
                     {"m.gate_up_proj_scale_inv", "F32", {2, 2, 2}, little_floats(scales)}};
  example.weight = "m.gate_up_proj";
  example.rows = 48;
  example.cols = 64;
  example.value = [&](std::int64_t i, std::int64_t j) {
    return scales[static_cast<std::size_t>(i / 24 * 4 + i % 24 / 16 * 2 + j / 32)];
  };
  CHECK(wrong_elements(example) == 0);
  // A scale for each row of each expert; of square experts [2, 8] may be of columns.
  example.config = config_of(R"("quant_method":"modelopt","quant_algo":"FP8")");
  example.tensors = {{"m.w", "F8_E4M3", {2, 4, 8}, filled(64, '\x38')},
                     {"m.w_scale", "F32", {2, 4}, little_floats(scales)}};
  example.weight = "m.w";
  example.rows = 8;
  example.cols = 8;
  example.value = [&](std::int64_t i, std::int64_t) { return scales[static_cast<std::size_t>(i)]; };
  CHECK(wrong_elements(example) == 0);
  example.tensors = {{"m.w", "F8_E4M3", {2, 8, 8}, filled(128, '\x38')},
                     {"m.w_scale", "F32", {2, 8}, little_floats(std::vector<float>(16, 1))}};
  CHECK(refused(example) ==
        "'m.w': expected one scale, or one for each row, group or block, found shapes 2 x 8 x 8 "
        "and 2 x 8");
}

TEST_CASE("sizes of groups are those of the config", "[quantised]") {
  // GPTQ of 32 inputs in two groups, by a config that says one.
  Example example;
  example.tensors = {{"m.qweight", "I32", {4, 8}, filled(128, '\x21')},
                     {"m.qzeros", "I32", {2, 1}, filled(8, '\x11')},
                     {"m.scales", "F16", {2, 8}, filled(32, '\x3C')}};
  example.weight = "m.weight";
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":16)");
  CHECK_NOTHROW(values_of(example));
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":32)");
  CHECK(refused(example) ==
        "'m.weight': expected groups of 32 columns, as config.json says, found 2 groups of its 32 "
        "columns");
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":-1)");
  CHECK(refused(example).starts_with("'m.weight': expected groups of -1 columns, as config.json"));
  example.config = config_of(R"("quant_method":"gptq","bits":4,"pack_dtype":"int16")");
  CHECK(refusal_of(example).starts_with(
      "F/config.json: pack_dtype 'int16' of GPTQ, which is not read"));
}

TEST_CASE("trellises and code books are no layers, also where nothing is declared", "[quantised]") {
  Example example;
  example.tensors = {{"m.trellis", "I16", {2, 2, 16}, filled(128, '\1')},
                     {"m.suh", "F16", {32}, filled(64, '\1')},
                     {"m.svh", "F16", {32}, filled(64, '\1')}};
  CHECK(refused(example).starts_with(
      "'m.trellis': tensors of a quantised weight that do not make up"));
  example.tensors = {{"m.codes", "I16", {4, 4, 2}, filled(64, '\1')},
                     {"m.codebooks", "F16", {2, 16, 1, 8}, filled(512, '\1')},
                     {"m.scales", "F16", {4, 1, 1, 1}, filled(8, '\1')}};
  CHECK(
      refused(example).starts_with("'m.codes': tensors of a quantised weight that do not make up"));
}

TEST_CASE("layouts of ComfyUI are told by its JSON, not by names and types", "[quantised]") {
  const auto told = [](const std::string& text) {
    return TensorText{"m.comfy_quant", "U8", {static_cast<std::int64_t>(text.size())}, text};
  };
  Example example;
  example.weight = "m.weight";
  example.tensors = {{"m.weight", "U8", {128, 32}, filled(4096, '\x21')},
                     {"m.weight_scale", "F8_E4M3", {128, 4}, filled(512, '\x38')},
                     {"m.weight_scale_2", "F32", {}, little_floats({2.0F})},
                     {"n.weight", "F32", {4, 8}, filled(128, '\0')},
                     told(R"({"format": "nvfp4"})")};
  CHECK(refused(example) ==
        "'m.weight': layout 'nvfp4' of ComfyUI is not read: scan the model that it was made from");
  const std::string modelopt = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4")");
  example.config = modelopt;
  CHECK(refused(example).starts_with("'m.weight': layout 'nvfp4' of ComfyUI is not read"));
  {
    const TempFolder folder;
    const Catalogue catalogue = opened(folder, example, true);
    REQUIRE(catalogue.tensors.size() == 1);
    CHECK(catalogue.tensors[0].name == "n.weight");
    REQUIRE(catalogue.left_out.size() == 4);
    for (const LeftOut& tensor : catalogue.left_out) {
      CHECK(tensor.reason == "quantised-not-read");
      CHECK(tensor.detail.starts_with("layout 'nvfp4' of ComfyUI"));
    }
  }
  // The header says the same of all layers.
  example.tensors.pop_back();
  CHECK(values_of(example).size() == 128 * 64);
  example.header = R"("__metadata__":{"_quantization_metadata":"{}"},)";
  CHECK(refusal_of(example).starts_with("F: quantisation '_quantization_metadata of the header'"));
  // Nothing says whose it is.
  example.header.clear();
  example.config.clear();
  CHECK(
      refused(example).starts_with("'m.weight_scale': tensors of a quantised weight that do not "
                                   "make up a scheme that is read"));
}

TEST_CASE("ComfyUI's layouts without an order of their own are read", "[quantised]") {
  const auto told = [](const std::string& text) {
    return TensorText{"m.comfy_quant", "U8", {static_cast<std::int64_t>(text.size())}, text};
  };
  Example example;
  example.weight = "m.weight";
  example.rows = 16;
  example.cols = 32;
  example.tensors = {{"m.comfy_quant", "U8", {1}, ""},
                     {"m.weight", "F8_E4M3", {16, 32}, filled(512, '\x40')},  // 2
                     {"m.weight_scale", "F32", {}, little_floats({8.0F})}};
  example.value = [](std::int64_t, std::int64_t) { return 16.0; };
  example.tensors[0] = told(R"({"format": "float8_e4m3fn", "full_precision_matrix_mult": true})");
  CHECK(wrong_elements(example) == 0);
  example.tensors[0] = told(R"({"format": "float8_e5m2"})");
  CHECK(refused(example) == "'m.weight': is F8_E4M3, but its 'm.comfy_quant' says 'float8_e5m2'");
  example.tensors[0] = told(R"({"format": "mxfp8"})");
  CHECK(refused(example).starts_with("'m.weight': layout 'mxfp8' of ComfyUI is not read"));
  example.tensors[0] = told("nvfp4");
  CHECK(refused(example) ==
        "'m.weight': its 'm.comfy_quant' is not the JSON text that ComfyUI writes");
  example.tensors[1] = {"m.weight", "I8", {16, 32}, filled(512, '\2')};
  example.tensors[0] = told(R"({"format": "int8_tensorwise"})");
  CHECK(wrong_elements(example) == 0);
  example.tensors[0] = told(R"({"format": "int8_tensorwise", "params": {"convrot": true}})");
  CHECK(refused(example) ==
        "'m.weight': layout 'int8_tensorwise' with rotations of ComfyUI is not read: scan the "
        "model that it was made from");
}

TEST_CASE("ComfyUI's older FP8 has one scale, which multiplies", "[quantised]") {
  Example example;
  example.weight = "m.weight";
  example.rows = 16;
  example.cols = 32;
  example.tensors = {{"m.weight", "F8_E4M3", {16, 32}, filled(512, '\x40')},  // 2
                     {"m.scale_weight", "F32", {}, little_floats({8.0F})},
                     {"m.scale_input", "F32", {}, little_floats({3.0F})},
                     {"scaled_fp8", "F8_E4M3", {2}, filled(2, '\0')}};
  example.value = [](std::int64_t, std::int64_t) { return 16.0; };
  CHECK(wrong_elements(example) == 0);
  example.tensors[1] = {"m.scale_weight", "F32", {16, 1}, filled(64, '\1')};
  CHECK(refused(example) == "'m.weight': expected one scale, found shapes 16 x 32 and 16 x 1");
  example.tensors[1] = {"m.scale_weight", "F32", {}, little_floats({8.0F})};
  example.tensors[0] = {"m.weight", "I8", {16, 32}, filled(512, '\1')};
  CHECK(refused(example).starts_with(
      "'m.scale_weight': tensors of a quantised weight that do not make up a scheme"));
  // One factor of an ordinary layer.
  example.tensors[0] = {"m.weight", "F32", {16, 32}, filled(2048, '\1')};
  const TempFolder folder;
  CHECK(opened(folder, example).tensors.size() == 4);
}

TEST_CASE("one scale is not of blocks, unless the config gives their size", "[quantised]") {
  Example example;
  example.weight = "m.weight";
  example.rows = 192;
  example.cols = 256;
  example.tensors = {{"m.weight", "F8_E4M3", {192, 256}, filled(192 * 256, '\x40')},  // 2
                     {"m.weight_scale_inv", "F32", {}, little_floats({8.0F})},
                     {"m.activation_scale", "F32", {}, little_floats({3.0F})}};
  example.value = [](std::int64_t, std::int64_t) { return 16.0; };
  const std::string mistral =
      R"("quant_method":"fp8","activation_scheme":"static","weight_block_size":null)";
  for (const std::string& config : {config_of(mistral), std::string()}) {
    example.config = config;
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{}, std::vector<std::int64_t>{1}}) {
      example.at("m.weight_scale_inv").shape = shape;
      CHECK(wrong_elements(example) == 0);
    }
  }
  example.config = config_of(R"("quant_method":"fp8","weight_block_size":[128,128])");
  CHECK(refused(example) ==
        "'m.weight': expected one scale, or one for each row, group or block, found shapes "
        "192 x 256 and 1");
  example.config = config_of(mistral);
  example.at("m.weight_scale_inv") = {"m.weight_scale_inv", "F32", {192}, filled(768, '\1')};
  CHECK(refused(example).ends_with("found shapes 192 x 256 and 192"));
}

TEST_CASE("a last group may have fewer columns, if the config says how many others have",
          "[quantised]") {
  // 4 x 100 in groups of 32: 32, 32, 32, 4. An even division would have 25 each.
  std::vector<float> scales;
  for (int k = 0; k < 16; ++k) scales.push_back(static_cast<float>(k + 1));
  const auto weights = [](const std::string& facts) {
    return config_of(R"("quant_method":"compressed-tensors","format":"mixed-precision",)"
                     R"("config_groups":{)" +
                     facts + "}");
  };
  Example example;
  example.weight = "m.weight";
  example.rows = 4;
  example.cols = 100;
  example.value = [&](std::int64_t i, std::int64_t j) {
    return scales[static_cast<std::size_t>(i * 4 + j / 32)];
  };
  const std::vector<std::int64_t> sizes{4, 100};
  const std::vector<TensorText> packed{
      {"m.weight_packed", "I32", {4, 13}, filled(4 * 13 * 4, '\x99')},  // 9 - 8
      {"m.weight_scale", "F32", {4, 4}, little_floats(scales)},
      {"m.weight_shape", "I64", {2}, bytes_of(std::span<const std::int64_t>(sizes))}};
  const std::vector<TensorText> bytes{{"m.weight", "I8", {4, 100}, filled(400, '\1')},
                                      {"m.weight_scale", "F32", {4, 4}, little_floats(scales)}};
  for (const std::vector<TensorText>& tensors : {packed, bytes}) {
    const std::string bits = tensors.size() == 3 ? "4" : "8";
    INFO(bits << " bits");
    example.tensors = tensors;
    const std::string own = R"("a":{"weights":{"num_bits":)" + bits + R"(,"group_size":32}})";
    const std::string other = R"("b":{"weights":{"num_bits":2,"group_size":30}})";
    const std::string rows = R"("c":{"weights":{"num_bits":)" + bits + R"(,"strategy":"channel"}})";
    example.config = weights(own);
    CHECK(wrong_elements(example) == 0);
    example.config = weights(other + "," + rows + "," + own);
    CHECK(wrong_elements(example) == 0);
    example.config = weights(rows);
    CHECK(refused(example) ==
          "'m.weight': expected groups of -1 columns, as config.json says, found 4 groups of its "
          "100 columns");
    example.config = weights(own + R"(,"d":{"weights":{"group_size":33}})");
    CHECK(refused(example) ==
          "'m.weight': 4 groups of its 100 columns may have 32 or 33 columns each by config.json, "
          "which does not say which");
    example.config = weights(R"("a":{"weights":{"num_bits":)" + bits + R"(,"group_size":50}})");
    CHECK(refused(example) ==
          "'m.weight': expected groups of 50 columns, as config.json says, found 4 groups of its "
          "100 columns");
    // Nothing is said about sizes: 25 columns each.
    example.config = weights(R"("a":{"weights":{"num_bits":)" + bits + "}}");
    CHECK(values_of(example)[25] == 2);
  }
  // 96 columns, as 11 groups of 9 but one.
  example.tensors = {{"m.weight", "I8", {4, 96}, filled(384, '\1')},
                     {"m.weight_scale", "F32", {4, 11}, filled(4 * 11 * 4, '\x3F')}};
  CHECK(refused(example) ==
        "'m.weight': 11 groups of its 96 columns are not of one size, and no config says how many "
        "columns one has");
}

TEST_CASE("a last group of GPTQ without an index may have fewer columns", "[quantised]") {
  // 8 outputs, 96 inputs in groups of 40: 40, 40, 16. An even division would have 32 each.
  Example example;
  std::vector<float> scales;
  for (int k = 0; k < 24; ++k) scales.push_back(static_cast<float>(k + 1));
  example.tensors = {{"m.qweight", "I32", {12, 8}, filled(384, '\x33')},
                     {"m.qzeros", "I32", {3, 1}, filled(12, '\x11')},  // 1 + 1
                     {"m.scales", "F32", {3, 8}, little_floats(scales)}};
  example.weight = "m.weight";
  example.rows = 8;
  example.cols = 96;
  example.value = [&](std::int64_t i, std::int64_t j) {
    return scales[static_cast<std::size_t>(j / 40 * 8 + i)];
  };
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":40)");
  CHECK(wrong_elements(example) == 0);
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":128,)"
                             R"("dynamic":{"m":{"group_size":40}})");
  CHECK(wrong_elements(example) == 0);
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":64)");
  CHECK(refused(example) ==
        "'m.weight': expected groups of 64 columns, as config.json says, found 3 groups of its 96 "
        "columns");
  // AWQ has no part of a group: 96 columns would be 32 each.
  example.tensors = {{"m.qweight", "I32", {96, 1}, filled(384, '\x33')},
                     {"m.qzeros", "I32", {3, 1}, filled(12, '\x11')},
                     {"m.scales", "F32", {3, 8}, little_floats(scales)}};
  example.config = config_of(R"("quant_method":"awq","bits":4,"group_size":40,"version":"gemm")");
  CHECK(refused(example).starts_with("'m.weight': expected 4-bit AWQ, version gemm or gemv"));
}

TEST_CASE("zero points that the config announces must be there", "[quantised]") {
  const auto weights = [](const std::string& facts) {
    return config_of(R"("quant_method":"compressed-tensors","format":"int-quantized",)"
                     R"("config_groups":{)" +
                     facts + "}");
  };
  Example example;
  example.tensors = {{"m.weight", "I8", {4, 32}, filled(128, '\2')},
                     {"m.weight_scale", "F32", {4, 1}, little_floats({1, 1, 1, 1})}};
  example.weight = "m.weight";
  const std::string own = R"("a":{"weights":{"num_bits":8,"type":"int","symmetric":false}})";
  const std::string floats = R"("b":{"weights":{"num_bits":8,"type":"float","symmetric":true}})";
  for (const std::string& facts : {own, own + "," + floats}) {
    example.config = weights(facts);
    CHECK(refused(example) ==
          "'m.weight': expected 'm.weight_zero_point' beside it (symmetric: false), found none");
  }
  // Others of these bits have none, so that this one may be of them.
  example.config = weights(own + R"(,"c":{"weights":{"num_bits":8,"type":"int"}})");
  CHECK(values_of(example)[0] == 2);
  example.config = weights(own);
  example.tensors.push_back({"m.weight_zero_point", "I8", {4, 1}, filled(4, '\1')});
  CHECK(values_of(example)[0] == 1);
}
