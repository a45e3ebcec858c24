/// @file
/// ONNX models: constants, inner graphs, operators with quantised weights, precisions.

#include <array>
#include <cmath>
#include <limits>

#include "onnx_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test::onnx;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::TempFolder;

TEST_CASE("constants and inner graphs hold weights too", "[checkpoint][onnx]") {
  const TempFolder folder;
  const std::string inner =
      graph_of({node("Constant", {}, {"w"}, tensor_attribute(weight(bytes(9, floats(6)), "x"))),
                node("Constant", {}, {"axes"},
                     tensor_attribute(typed_tensor("", 7, {2}, std::string(16, '\1'))))},
               {weight(bytes(9, floats(6)), "v")});
  const auto branch = [&](const char* name) {
    return bytes(5, bytes(1, name) + bytes(6, inner) + number(20, 5));
  };
  const Catalogue catalogue = opened(
      folder,
      model_of({node("Constant", {}, {"w"}, tensor_attribute(weight(bytes(9, floats(6)), ""))),
                node("Constant", {}, {"one"}, tensor_attribute(float_tensor("", {}, {1}))),
                node("If", {"c"}, {"y"}, branch("then_branch") + branch("else_branch"), "if0")},
               {}));
  std::vector<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.push_back(tensor.name);
  CHECK(names == std::vector<std::string>{"if0.else_branch.v", "if0.else_branch.w",
                                          "if0.then_branch.v", "if0.then_branch.w", "w"});
  for (std::size_t t = 0; t < names.size(); ++t) CHECK(values(catalogue, t) == kNumbers);
  CHECK(catalogue.left_out.empty());
}

TEST_CASE("DequantizeLinear: every integer type, and scales along any axis", "[checkpoint][onnx]") {
  struct Type {
    std::uint64_t number;
    const char* name;
    int bits;
    bool is_signed;
  };
  for (const Type type :
       {Type{21, "UINT4", 4, false}, Type{22, "INT4", 4, true}, Type{25, "UINT2", 2, false},
        Type{26, "INT2", 2, true}, Type{2, "UINT8", 8, false}, Type{3, "INT8", 8, true}}) {
    CAPTURE(type.name);
    // 3 x 3: rows are not padded, so those of INT4 begin in the middle of bytes.
    std::vector<int> codes;
    const int least = type.is_signed ? -(1 << (type.bits - 1)) : 0;
    for (int e = 0; e < 9; ++e) codes.push_back(least + (5 * e + 3) % (1 << type.bits));
    const std::string x =
        typed_tensor("w_quantized", type.number, {3, 3}, packed(codes, type.bits));
    for (const int kind : {0, 1, 2, 3}) {  // one scale; of columns; of rows; of blocks of two rows
      CAPTURE(kind);
      const std::vector<std::uint64_t> shape =
          kind == 0
              ? std::vector<std::uint64_t>{}
              : (kind == 3 ? std::vector<std::uint64_t>{2, 3} : std::vector<std::uint64_t>{3});
      const std::size_t count = kind == 0 ? 1 : (kind == 3 ? 6 : 3);
      std::vector<float> scales;
      std::vector<int> zeros;
      for (std::size_t s = 0; s < count; ++s) {
        scales.push_back(static_cast<float>(s + 1) * 0.5F);
        zeros.push_back(least + static_cast<int>(s) % (1 << type.bits));
      }
      for (const bool with_zeros : {false, true}) {
        std::vector<std::string> inputs{"w_quantized", "w_scale"};
        std::vector<std::string> initializers{x, float_tensor("w_scale", shape, scales)};
        if (with_zeros) {
          inputs.emplace_back("w_zero");
          initializers.push_back(
              typed_tensor("w_zero", type.number, shape, packed(zeros, type.bits)));
        }
        const std::string attributes = integer_attribute("axis", kind == 1 ? 1 : -2) +
                                       (kind == 3 ? integer_attribute("block_size", 2) : "");
        const std::string how = kind == 0   ? "with a scale"
                                : kind == 3 ? "in blocks of 2"
                                            : "with scales along an axis";
        const std::vector<double> found =
            only(model_of({node("DequantizeLinear", inputs, {"y"}, attributes)}, initializers),
                 {3, 3}, "DequantizeLinear " + std::string(type.name) + " " + how);
        for (std::size_t e = 0; e < 9; ++e) {
          const std::size_t i = e / 3;
          const std::size_t j = e % 3;
          const std::size_t s = kind == 0 ? 0 : kind == 1 ? j : kind == 2 ? i : i / 2 * 3 + j;
          CHECK(found[e] ==
                (codes[e] - (with_zeros ? zeros[s] : 0)) * static_cast<double>(scales[s]));
        }
      }
    }
  }
}

TEST_CASE("packed types in int32_data: a number for each byte", "[checkpoint][onnx]") {
  struct Type {
    std::uint64_t number;
    const char* name;
    int bits;
    bool is_signed;
  };
  for (const Type type : {Type{21, "UINT4", 4, false}, Type{22, "INT4", 4, true},
                          Type{25, "UINT2", 2, false}, Type{26, "INT2", 2, true}}) {
    CAPTURE(type.name);
    std::vector<int> codes;
    const int least = type.is_signed ? -(1 << (type.bits - 1)) : 0;
    for (int e = 0; e < 15; ++e) codes.push_back(least + (5 * e + 3) % (1 << type.bits));
    std::vector<std::uint64_t> numbers;
    for (const char byte : packed(codes, type.bits)) {
      numbers.push_back(static_cast<unsigned char>(byte));
    }
    const auto model_with = [&](const std::vector<std::uint64_t>& list) {
      // The zero point is one code, in a byte of its own.
      return model_of({node("DequantizeLinear", {"w_quantized", "s", "z"}, {"y"})},
                      {dims({3, 5}) + number(2, type.number) + bytes(8, "w_quantized") +
                           bytes(5, varints(list)),
                       float_tensor("s", {}, {0.5F}),
                       number(2, type.number) + bytes(8, "z") + bytes(5, varints({1}))});
    };
    const std::vector<double> found =
        only(model_with(numbers), {3, 5},
             "DequantizeLinear " + std::string(type.name) + " with a scale");
    for (std::size_t e = 0; e < codes.size(); ++e) CHECK(found[e] == (codes[e] - 1) * 0.5);
    // A number for each element, as for types of whole bytes, is not what the specification says.
    CHECK(refusal(model_with(std::vector<std::uint64_t>(15, 1))) ==
          "F: initializer 'w_quantized', int32_data: expected " + std::to_string(numbers.size()) +
              " numbers, found 15");
  }
}

TEST_CASE("FLOAT4E2M1 with scales that are floats or exponents", "[checkpoint][onnx]") {
  constexpr std::array kValues{0.0,  0.5,  1.0,  1.5,  2.0,  3.0,  4.0,  6.0,
                               -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0};
  std::vector<int> codes;
  for (int e = 0; e < 18; ++e) codes.push_back((7 * e + 3) % 16);
  const std::string data = packed(codes, 4);
  std::vector<std::uint64_t> numbers;
  for (const char byte : data) numbers.push_back(static_cast<unsigned char>(byte));
  const std::string raw = typed_tensor("w_quantized", 23, {3, 6}, data);
  const std::string listed =
      dims({3, 6}) + number(2, 23) + bytes(8, "w_quantized") + bytes(5, varints(numbers));
  // Exponents 2^(byte - 127), one for three columns: 2, 1/4, 1, 8, 1/2, 4.
  const std::string bytes_of_scales("\x80\x7d\x7f\x82\x7e\x81", 6);
  constexpr std::array kScales{2.0, 0.25, 1.0, 8.0, 0.5, 4.0};
  std::vector<float> as_floats;
  for (const double scale : kScales) as_floats.push_back(static_cast<float>(scale));
  const std::string exponents = typed_tensor("s", 24, {3, 2}, bytes_of_scales);
  const std::string floating = float_tensor("s", {3, 2}, as_floats);
  for (const std::string& w : {raw, listed}) {
    for (const std::string& s : {exponents, floating}) {
      const std::vector<double> found =
          only(model_of({node("DequantizeLinear", {"w_quantized", "s"}, {"y"},
                              integer_attribute("axis", 1) + integer_attribute("block_size", 3))},
                        {w, s}),
               {3, 6}, "DequantizeLinear FLOAT4E2M1 in blocks of 3");
      for (std::size_t e = 0; e < codes.size(); ++e) {
        CHECK(found[e] == kValues[static_cast<std::size_t>(codes[e])] * kScales[e / 3]);
      }
    }
  }
  const TempFolder folder;
  const Catalogue alone = opened(folder, model_of({}, {raw}));
  CHECK(alone.tensors.empty());
  REQUIRE(alone.left_out.size() == 1);
  CHECK(alone.left_out[0].detail == "codes of FLOAT4E2M1 that no DequantizeLinear reads");
}

TEST_CASE("scales of ONNX that are not numbers are refused by name", "[checkpoint][onnx]") {
  const TempFolder folder;
  const std::string data = packed({1, 2, 3, 4}, 4);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto refused = [&](const std::string& scales) {
    const Catalogue catalogue =
        opened(folder, model_of({node("DequantizeLinear", {"w_quantized", "s"}, {"y"},
                                      integer_attribute("axis", 0))},
                                {typed_tensor("w_quantized", 23, {2, 2}, data), scales}));
    return error_of([&] { static_cast<void>(values(catalogue, 0)); });
  };
  const std::string rest =
      " scales in 's' are not numbers (NaN). The program that quantised the weights wrote them: "
      "quantise again";
  CHECK(refused(typed_tensor("s", 24, {}, "\xff")) == "1 of the 1" + rest);
  CHECK(refused(typed_tensor("s", 24, {2}, "\x7f\xff")) == "1 of the 2" + rest);
  CHECK(refused(float_tensor("s", {2}, {nan, nan})) == "2 of the 2" + rest);
}

TEST_CASE("a block that is larger than the matrix is one block, whatever size the file gives",
          "[checkpoint][onnx]") {
  for (const std::int64_t block : {std::int64_t{3}, std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(block);
    const std::vector<double> found =
        only(model_of({node("DequantizeLinear", {"w_quantized", "w_scale"}, {"y"},
                            integer_attribute("axis", 0) + integer_attribute("block_size", block))},
                      {typed_tensor("w_quantized", 2, {2, 2}, packed({1, 2, 3, 4}, 8)),
                       float_tensor("w_scale", {1, 2}, {0.5F, 2.0F})}),
             {2, 2}, "DequantizeLinear UINT8 in blocks of " + std::to_string(block));
    CHECK(found == std::vector<double>{0.5, 4, 1.5, 8});
  }
}

TEST_CASE("MatMulNBits: blocks along the inputs, as the weight of a MatMul", "[checkpoint][onnx]") {
  constexpr std::size_t kRows = 3;   // N
  constexpr std::size_t kCols = 40;  // K: three blocks of 16, the last one is not full
  constexpr std::size_t kBlocks = 3;
  for (const int bits : {2, 4, 8}) {
    CAPTURE(bits);
    std::vector<int> codes;
    for (std::size_t e = 0; e < kRows * kBlocks * 16; ++e) {
      codes.push_back(static_cast<int>(7 * e + e / 16) % (1 << bits));
    }
    std::vector<float> scales;
    std::vector<int> zeros;
    std::string zero_bytes;
    for (std::size_t r = 0; r < kRows; ++r) {
      std::vector<int> row;
      for (std::size_t b = 0; b < kBlocks; ++b) {
        scales.push_back(static_cast<float>(r * kBlocks + b + 1) * 0.25F);
        row.push_back(static_cast<int>(r + 2 * b + 1) % (1 << bits));
      }
      zeros.insert(zeros.end(), row.begin(), row.end());
      zero_bytes += packed(row, bits);  // each row fills whole bytes
    }
    const auto bytes_of_block = static_cast<std::uint64_t>(16 * bits / 8);
    for (const int kind : {0, 1, 2}) {  // no zero points; packed; floats
      CAPTURE(kind);
      std::vector<std::string> inputs{"a", "w_Q4", "w_scales"};
      std::vector<std::string> initializers{
          typed_tensor("w_Q4", 2, {kRows, kBlocks, bytes_of_block}, packed(codes, bits)),
          float_tensor("w_scales", {kRows, kBlocks}, scales)};
      std::vector<float> floating;
      for (const int zero : zeros) floating.push_back(static_cast<float>(zero) + 0.5F);
      if (kind > 0) inputs.emplace_back("w_zero_points");
      if (kind == 1) {
        initializers.push_back(typed_tensor("w_zero_points", 2, {zero_bytes.size()}, zero_bytes));
      } else if (kind == 2) {
        initializers.push_back(float_tensor("w_zero_points", {kRows, kBlocks}, floating));
      }
      const std::string attributes = integer_attribute("K", kCols) + integer_attribute("N", kRows) +
                                     integer_attribute("bits", bits) +
                                     integer_attribute("block_size", 16);
      const std::vector<double> found =
          only(model_of({node("MatMulNBits", inputs, {"y"}, attributes)}, initializers),
               {kCols, kRows}, "MatMulNBits of " + std::to_string(bits) + " bits in blocks of 16");
      for (std::size_t k = 0; k < kCols; ++k) {
        for (std::size_t n = 0; n < kRows; ++n) {
          const std::size_t s = n * kBlocks + k / 16;
          const double zero = kind == 0   ? 1 << (bits - 1)
                              : kind == 1 ? static_cast<double>(zeros[s])
                                          : static_cast<double>(floating[s]);
          CHECK(found[k * kRows + n] ==
                (codes[n * kBlocks * 16 + k] - zero) * static_cast<double>(scales[s]));
        }
      }
    }
  }
}

TEST_CASE("GatherBlockQuantized: what a missing zero point stands for", "[checkpoint][onnx]") {
  const auto first = [](std::uint64_t type, std::uint64_t width, const char* text, int bits) {
    const std::vector<int> codes(32, bits == 2 ? 3 : 11);
    return only(model_of({node("GatherBlockQuantized", {"w", "ids", "w_scale"}, {"y"},
                               integer_attribute("block_size", 16) +
                                   integer_attribute("quantize_axis", -1) +
                                   integer_attribute("bits", bits))},
                         {typed_tensor("w", type, {1, width}, packed(codes, bits)),
                          float_tensor("w_scale", {1, 2}, {1, 1})}),
                {1, 32}, "GatherBlockQuantized " + std::string(text) + " in blocks of 16")
        .front();
  };
  CHECK(first(21, 32, "UINT4", 4) == 11);
  CHECK(first(22, 32, "INT4", 4) == -5);
  CHECK(first(2, 16, "of 4 bits", 4) == 3);
  CHECK(first(2, 32, "of 8 bits", 8) == 11 - 128);
  CHECK(first(2, 8, "of 2 bits", 2) == 1);
}

TEST_CASE("quantised ONNX weights whose parts do not match are refused", "[checkpoint][onnx]") {
  const auto product = [](std::vector<std::uint64_t> scales, std::uint64_t scale_type,
                          std::uint64_t codes_type, const std::string& more,
                          const std::vector<std::string>& inputs) {
    std::uint64_t count = scale_type == kHalf ? 2 : 4;
    for (const std::uint64_t size : scales) count *= size;
    return model_of(
        {node("MatMulNBits", inputs, {"y"},
              integer_attribute("K", 32) + integer_attribute("N", 2) +
                  integer_attribute("block_size", 16) + more)},
        {typed_tensor("w", codes_type, {2, 2, 8}, std::string(codes_type == 2 ? 32 : 128, 'x')),
         typed_tensor("s", scale_type, scales, std::string(count, '\0')),
         float_tensor("g", {32}, std::vector<float>(32, 0))});
  };
  const std::vector<std::string> usual{"a", "w", "s"};
  CHECK(refusal(product({4}, kFloat, 2, "", usual)) == "nothing was thrown");
  CHECK(refusal(product({3}, kFloat, 2, "", usual)) ==
        "F: initializer 'w': MatMulNBits: expected scales of shape 2 x 2, found FLOAT of shape 3");
  CHECK(refusal(product({4}, 6, 2, "", usual)) ==
        "F: initializer 'w': MatMulNBits: expected scales of shape 2 x 2, found INT32 of shape 4");
  CHECK(refusal(product({4}, kFloat, 6, "", usual)) ==
        "F: initializer 'w': MatMulNBits: expected codes of UINT8 of shape 2 x 2 x 8, found INT32 "
        "of shape 2 x 2 x 8");
  CHECK(refusal(product({4}, kFloat, 2, "", {"a", "w", "s", "g"})) ==
        "F: initializer 'w': MatMulNBits: expected 4 zero points of the type of the codes, found "
        "FLOAT of shape 32");
  const TempFolder folder;
  const auto reason = [&](const std::string& content) {
    const Catalogue catalogue = opened(folder, content);
    CHECK(catalogue.left_out.size() == 1);
    for (const Tensor& tensor : catalogue.tensors) CHECK(tensor.shape.size() < 2);
    return catalogue.left_out.empty() ? "" : catalogue.left_out[0].detail;
  };
  CHECK(reason(product({4}, kFloat, 2, integer_attribute("bits", 3), usual)) ==
        "MatMulNBits with 3 bits is not read");
  CHECK(reason(product({4}, kFloat, 2, "", {"a", "w", "s", "", "g"})) ==
        "MatMulNBits with a group index is not read");
  CHECK(reason(product({4}, kFloat, 2, "", {"a", "w", "computed"})) ==
        "its scales are computed by other nodes");
  CHECK(reason(product({4}, kFloat, 2, "", {"a", "w", "s", "computed"})) ==
        "its zero points are computed by other nodes");
  CHECK(reason(model_of({node("MatMulInteger", {"a", "w"}, {"y"})},
                        {typed_tensor("w", 3, {2, 2}, "1234")})) ==
        "weights of the operator MatMulInteger are not read");
  CHECK(reason(
            model_of({node("MatMul", {"a", "w"}, {"y"})}, {typed_tensor("w", 22, {2, 2}, "12")})) ==
        "codes of INT4 that no DequantizeLinear reads");
}

TEST_CASE("one of a model's precisions is read, and named", "[checkpoint][onnx]") {
  const TempFolder folder;
  const auto write = [&](const std::string& name) {
    folder.write("onnx/" + name, model({weight(number(14, 1) + fact("location", name + "_data"))}));
    folder.write("onnx/" + name + "_data", floats(6));
  };
  for (const char* name : {"model_q4f16.onnx", "model_fp16.onnx", "model_q2.onnx"}) write(name);
  folder.write("config.json",
               R"({"model_type": "llama", "quantization_config": {"quant_method": "quark"}})");
  for (const auto& path : {folder.path(), folder / "onnx"}) {
    const Catalogue catalogue = open_checkpoint(path);
    CHECK(catalogue.format == "onnx");
    REQUIRE(catalogue.warnings.size() == 1);
    CHECK(catalogue.warnings[0].find("has the precisions fp16, q4f16, q2, reads ") !=
          std::string::npos);
    CHECK(catalogue.files[0].name.ends_with("model_fp16.onnx"));
    CHECK(values(catalogue, 0) == kNumbers);
    const Catalogue other = open_checkpoint(path, {{}, {}, "q2"});
    CHECK(other.files[0].name.ends_with("model_q2.onnx"));
    CHECK(values(other, 0) == kNumbers);
    CHECK(other.warnings.empty());
  }
  CHECK(open_checkpoint(folder.path()).config.model_type == "llama");
  CHECK(error_of(
            [&] {
              static_cast<void>(open_checkpoint(folder.path(), {{}, {}, "q8"}));
            },
            Blame::usage) == "--variant q8: " + folder.path().string() + " has fp16, q4f16, q2");
  CHECK(error_of(
            [&] {
              static_cast<void>(open_checkpoint(folder / "onnx/model_q2.onnx", {{}, {}, "q2"}));
            },
            Blame::usage)
            .ends_with("is one file. Leave it out"));
  write("encoder.onnx");
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.path()));
        }).find("expected one file of weights, or shards of one checkpoint") != std::string::npos);
}
