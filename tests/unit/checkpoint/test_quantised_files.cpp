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

std::string config_of(const std::string& facts) {
  return "{\"quantization_config\":{" + facts + "}}";
}

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
  CHECK(refused(example).starts_with("'m.weight': expected GPTQ of 2 to 8 bits, found 4 bits"));
  example.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":-1)");
  CHECK(refused(example).starts_with("'m.weight': expected GPTQ"));
  example.config = config_of(R"("quant_method":"gptq","bits":4,"pack_dtype":"int16")");
  CHECK(refusal_of(example).starts_with("F/config.json: pack_dtype 'int16' of GPTQ, which is not read"));
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
