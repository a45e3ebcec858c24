/// @file
/// torchao's classes whose scales lie in tiles, and what their headers must say.

#include <catch2/catch.hpp>

#include "quantised_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

constexpr const char* kConfig = R"({"quantization_config":{"quant_method":"torchao"}})";

std::string header_of(const std::string& told) {
  return "\"__metadata__\":{\"m.weight\":" + json_quoted(told) + "},";
}

/// to_blocked (mx_formats/utils.py) by its reshapes: [rows / 128][4][32][groups / 4][4] becomes
/// [rows / 128][groups / 4][32][4][4].
std::string in_tiles(const std::string& scales, std::int64_t rows, std::int64_t groups) {
  const std::int64_t high = (rows + 127) / 128;
  const std::int64_t wide = (groups + 3) / 4;
  std::string tiles;
  for (std::int64_t a = 0; a < high; ++a) {
    for (std::int64_t b = 0; b < wide; ++b) {
      for (std::int64_t r = 0; r < 32; ++r) {
        for (std::int64_t q = 0; q < 4; ++q) {
          for (std::int64_t s = 0; s < 4; ++s) {
            const std::int64_t row = a * 128 + q * 32 + r;
            const std::int64_t group = b * 4 + s;
            const bool inside = row < rows && group < groups;
            tiles += inside ? scales[static_cast<std::size_t>(row * groups + group)] : '\0';
          }
        }
      }
    }
  }
  return tiles;
}

enum class Kind { mxfp8, mxfp4, nvfp4 };

/// @param experts  0: two dimensions
Example mx_example(Kind kind, bool tiles, std::int64_t rows, std::int64_t cols,
                   std::int64_t experts = 0) {
  std::mt19937 random(7);
  const std::int64_t group = kind == Kind::nvfp4 ? 16 : 32;
  const std::int64_t groups = cols / group;
  const std::int64_t all = rows * std::max<std::int64_t>(experts, 1);
  const bool fp4_codes = kind != Kind::mxfp8;
  TensorText codes{"m._weight_qdata", fp4_codes ? "U8" : "F8_E4M3", {rows, cols}, ""};
  if (fp4_codes) codes.shape[1] /= 2;
  codes.data = random_bytes(all * codes.shape[1], random);
  if (!fp4_codes) {
    for (char& byte : codes.data) byte = static_cast<char>(byte & 0x6F);
  }
  const Dtype type = kind == Kind::nvfp4 ? Dtype::f8_e4m3 : Dtype::f8_e8m0;
  TensorText plain{"m._weight_scale", std::string(dtype_name(type)), {rows, groups}, ""};
  plain.data = scale_bytes(type, all * groups, random);
  TensorText scale = plain;
  if (tiles) {
    scale.shape = {(rows + 127) / 128 * 32, (groups + 3) / 4 * 16};
    scale.data = in_tiles(plain.data, all, groups);
  }
  if (experts > 0) {
    codes.shape.insert(codes.shape.begin(), experts);
    scale.shape.insert(scale.shape.begin(), experts);
  }
  Example example;
  example.config = kConfig;
  std::string told = "{\"_type\":\"" +
                     std::string(kind == Kind::nvfp4 ? "NVFP4Tensor" : "MXTensor") +
                     "\",\"_data\":{\"block_size\":" + std::to_string(group) +
                     ",\"is_swizzled_scales\":" + (tiles ? "true" : "false");
  if (kind != Kind::nvfp4) {
    told += std::string(R"(,"elem_dtype":{"_type":"torch.dtype","_data":")") +
            (fp4_codes ? "float4_e2m1fn_x2" : "float8_e4m3fn") + "\"}";
  }
  // Of activations, and the contrary of what holds for the weight.
  told += std::string(R"(,"act_quant_kwargs":{"_type":"K","_data":{"is_swizzled_scales":)") +
          (tiles ? "false" : "true") + "}}}," + R"("_tensor_data_names":[)" +
          (kind == Kind::nvfp4 ? R"("per_tensor_scale","act_per_tensor_scale",)" : "") +
          R"("qdata","scale"]})";
  example.header = header_of(told);
  example.tensors = {codes, scale};
  std::vector<float> factors(static_cast<std::size_t>(std::max<std::int64_t>(experts, 1)), 0.0F);
  for (std::size_t e = 0; e < factors.size(); ++e) factors[e] = 0.5F + static_cast<float>(e);
  if (kind == Kind::nvfp4) {
    std::vector<std::int64_t> shape;
    if (experts > 0) shape = {experts, 1, 1};
    example.tensors.push_back({"m._weight_per_tensor_scale", "F32", shape, little_floats(factors)});
    example.tensors.push_back(
        {"m._weight_act_per_tensor_scale", "F32", {}, little_floats({99.0F})});
  }
  example.weight = "m.weight";
  example.rows = all;
  example.cols = cols;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const double code =
        fp4_codes ? fp4(bits_at(codes.data, (i * cols + j) * 4, 4)) : element(codes, i * cols + j);
    const double factor = kind == Kind::nvfp4 ? factors[static_cast<std::size_t>(i / rows)] : 1.0;
    return code * (element(plain, i * groups + j / group) * factor);
  };
  return example;
}

}  // namespace

TEST_CASE("torchao's MX and NVFP4 are read with plain scales, and with scales in tiles",
          "[quantised]") {
  std::int64_t read = 0;
  for (const Kind kind : {Kind::mxfp8, Kind::mxfp4, Kind::nvfp4}) {
    for (const bool tiles : {false, true}) {
      INFO(static_cast<int>(kind) << (tiles ? ", in tiles" : ""));
      CHECK(wrong_elements(mx_example(kind, tiles, 300, 416)) == 0);  // neither fills its tiles
      CHECK(wrong_elements(mx_example(kind, tiles, 128, 128)) == 0);
      CHECK(wrong_elements(mx_example(kind, tiles, 128, 192, 3)) == 0);
      ++read;
    }
  }
  CHECK(read == 6);
  // 128 x 4 scales of a weight have as many elements either way.
  CHECK(mx_example(Kind::mxfp8, true, 128, 128).at("m._weight_scale").data !=
        mx_example(Kind::mxfp8, false, 128, 128).at("m._weight_scale").data);
}

TEST_CASE("torchao's scales that are missing or of another type are refused by name",
          "[quantised]") {
  for (const Kind kind : {Kind::mxfp8, Kind::mxfp4, Kind::nvfp4}) {
    const Example good = mx_example(kind, false, 128, 128);
    Example bad = good;
    std::erase_if(bad.tensors, [](const TensorText& t) { return t.name == "m._weight_scale"; });
    CHECK(refusal_of(bad) ==
          "F: quantised tensor 'm.weight': expected 'm._weight_scale' beside it, found none");
    bad = good;
    bad.at("m._weight_scale").dtype = "U8";
    CHECK(refusal_of(bad) == "F: quantised tensor 'm.weight': expected 'm._weight_scale' of type " +
                                 std::string(kind == Kind::nvfp4 ? "F8_E4M3" : "F8_E8M0") +
                                 ", found U8");
  }
}

TEST_CASE("a header of torchao that is no JSON is named with its file", "[quantised]") {
  Example bad = mx_example(Kind::mxfp8, false, 128, 128);
  bad.header = header_of("{\"_type\": x}");
  const std::string text = refusal_of(bad);
  INFO(text);
  CHECK(text.starts_with("F/model.safetensors: header of 'm.weight': byte 10: "));
}

TEST_CASE("torchao's weights whose parts are not as their headers say are refused by name",
          "[quantised]") {
  const auto refused = [](const Example& example, const std::string& what) {
    CHECK(refusal_of(example) == "F: quantised tensor 'm.weight': " + what);
  };
  for (const bool tiles : {false, true}) {
    for (const char* name : {"m._weight_qdata", "m._weight_scale", "m._weight_per_tensor_scale"}) {
      Example bad = mx_example(Kind::nvfp4, tiles, 128, 128);
      std::erase_if(bad.tensors, [&](const TensorText& t) { return t.name == name; });
      const std::string text = refusal_of(bad);
      INFO(name << ": " << text);
      CHECK(text.starts_with("F: quantised tensor 'm."));
    }
  }
  Example bad = mx_example(Kind::nvfp4, true, 128, 128);
  bad.tensors.erase(bad.tensors.begin() + 2);
  refused(bad, "expected 'm._weight_per_tensor_scale' beside it, found none");
  // Plain scales of a weight that is said to have them in tiles.
  bad = mx_example(Kind::mxfp8, true, 128, 128);
  bad.at("m._weight_scale").shape = {128, 4};
  refused(bad,
          "expected a scale for each group of 32 of its 128 columns, in tiles, found shapes 128 x "
          "128 and 128 x 4");
  bad = mx_example(Kind::mxfp8, true, 64, 128, 2);
  bad.at("m._weight_scale").data.resize(1024, '\1');
  refused(bad,
          "has scales in tiles of 128 rows, which experts of 64 rows do not fill: their places are "
          "not known");
  bad = mx_example(Kind::mxfp4, false, 8, 64);
  bad.header = header_of(R"({"_type":"MXTensor","_data":{"block_size":32,"elem_dtype":"fp6_e2m3"},)"
                         R"("_tensor_data_names":["qdata","scale"]})");
  refused(bad, "has elements of type 'fp6_e2m3' in U8, expected float4_e2m1fn_x2");
  bad.header = header_of(R"({"_type":"NVFP4Tensor","_data":{"block_size":32},)"
                         R"("_tensor_data_names":["qdata","scale"]})");
  bad.at("m._weight_scale") = {"m._weight_scale", "F8_E4M3", {8, 2}, std::string(16, '8')};
  refused(bad, "expected groups of 16, found 32");
}

TEST_CASE("torchao's zero points are required if the header lists them, and refused if not",
          "[quantised]") {
  Example example;
  example.config = kConfig;
  example.tensors = {{"m._weight_qdata", "I8", {4, 32}, std::string(128, '\3')},
                     {"m._weight_scale", "F32", {4, 1}, little_floats(std::vector<float>(4, 2.0F))},
                     {"m._weight_zero_point", "I8", {4, 1}, std::string(4, '\1')}};
  example.weight = "m.weight";
  example.rows = 4;
  example.cols = 32;
  example.value = [](std::int64_t, std::int64_t) { return 4.0; };
  const auto header = [](const std::string& parts) {
    return header_of(R"({"_type":"Int8Tensor","_data":{"block_size":[1,32]},)"
                     R"("_tensor_data_names":[)" +
                     parts + "]}");
  };
  example.header = header(R"("qdata","scale","zero_point")");
  CHECK(wrong_elements(example) == 0);
  Example bad = example;
  bad.tensors.pop_back();
  CHECK(refusal_of(bad) ==
        "F: quantised tensor 'm.weight': expected 'm._weight_zero_point' beside it, found none");
  example.header = header(R"("qdata","scale")");
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': 'm._weight_zero_point' is beside it, but its header does "
        "not list it");
  example.header = header(R"("qdata","scale","zero_point","lut")");
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': a Int8Tensor with 'lut' is not read");
  example.header = header_of(R"({"_type":"Int8Tensor","_data":{"block_size":[1,32]}})");
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': its header does not list the parts of a Int8Tensor");
}

TEST_CASE("torchao's act_pre_scale is part of the weight: W diag(p)", "[quantised]") {
  std::vector<float> columns;
  for (int j = 0; j < 64; ++j) columns.push_back(static_cast<float>(j + 1));
  Example example;
  example.config = kConfig;
  example.tensors = {
      {"m._weight_act_pre_scale", "F32", {64}, little_floats(columns)},
      {"m._weight_qdata", "I8", {8, 32}, std::string(256, '\x2F')},  // -1, then 2
      {"m._weight_scale", "F32", {2, 8}, little_floats(std::vector<float>(16, 3.0F))},
      {"m._weight_zero_point", "F32", {2, 8}, little_floats(std::vector<float>(16, 0.5F))}};
  example.header =
      header_of(R"({"_type":"Int4Tensor","_data":{"block_size":[1,32],"shape":[8,64]},)"
                R"("_tensor_data_names":["act_pre_scale","qdata","scale","zero_point"]})");
  example.weight = "m.weight";
  example.rows = 8;
  example.cols = 64;
  example.value = [](std::int64_t, std::int64_t j) {
    return ((j % 2 == 0 ? -1.0 : 2.0) * 3 + 0.5) * static_cast<double>(j + 1);
  };
  CHECK(wrong_elements(example) == 0);
  Example bad = example;
  bad.tensors.erase(bad.tensors.begin());
  CHECK(refusal_of(bad) ==
        "F: quantised tensor 'm.weight': expected 'm._weight_act_pre_scale' beside it, found none");
  bad = example;
  bad.tensors[0] = {"m._weight_act_pre_scale", "F32", {32}, little_floats(std::vector<float>(32))};
  CHECK(refusal_of(bad) ==
        "F: quantised tensor 'm.weight': expected a factor for each of its 64 columns, found shape "
        "32");
}

TEST_CASE("an order of codes that the file does not tell is refused by the class", "[quantised]") {
  Example example;
  example.config = kConfig;
  // One shape, ordered for CUDA or for ROCm.
  example.tensors = {{"m._weight_qdata", "I32", {1, 1, 32, 4}, std::string(512, '\1')},
                     {"m._weight_scale_and_zero", "BF16", {4, 8, 2}, std::string(128, '\1')}};
  example.header = header_of(R"({"_type":"Int4TilePackedTo4dTensor","_data":{"block_size":[1,32]},)"
                             R"("_tensor_data_names":["qdata","scale_and_zero"]})");
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': class 'Int4TilePackedTo4dTensor' of torchao is not read: "
        "the order of its codes is that of the GPU that packed them, which the file does not tell");
  // Packed for an NPU: its zero points are floats, and its order is in no source.
  example.tensors = {{"m._weight_qdata", "I32", {8, 8}, std::string(256, '\1')},
                     {"m._weight_scale", "BF16", {2, 8}, std::string(32, '\1')},
                     {"m._weight_zero_point", "BF16", {2, 8}, std::string(32, '\1')}};
  example.header = header_of(R"({"_type":"Int4PlainInt32Tensor","_data":{"block_size":[1,32]},)"
                             R"("_tensor_data_names":["qdata","scale","zero_point"]})");
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': 'm._weight_zero_point' is BF16, which is not read as such "
        "a part of Int4PlainInt32Tensor");
}
