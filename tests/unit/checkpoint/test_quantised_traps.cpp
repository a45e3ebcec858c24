/// @file
/// Quantised weights where the good guess is wrong: each case fails for it.

#include <catch2/catch.hpp>

#include "quantised_damages.hpp"
#include "quantised_examples.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

TEST_CASE("a damaged part of a scheme whose sizes depend on each other is refused by name",
          "[quantised]") {
  Example zeros = packed_example(4, true);
  zeros.config = config_of(R"("quant_method":"compressed-tensors","format":"pack-quantized",)"
                           R"("config_groups":{"group_0":{"weights":{"num_bits":4,)"
                           R"("symmetric":false,"actorder":"group"}}})");
  std::vector<std::uint32_t> words;
  for (std::int64_t g = 0; g < 8; ++g) words.push_back(0x9ABCDEF8U + static_cast<std::uint32_t>(g));
  zeros.tensors.push_back({"m.weight_zero_point", "I32", {2, 4}, words_text(words)});
  add_groups(zeros, "m.weight_g_idx", 4);
  Example gptq = gptq_example(4, "gptq", 1);
  gptq.config = config_of(R"("quant_method":"gptq","bits":4,"group_size":32,"desc_act":true)");
  add_groups(gptq, "m.g_idx", 2);
  Example svd = nvfp4_example();
  svd.tensors.push_back(
      {"m.pre_quant_scale", "F32", {32}, little_floats(std::vector<float>(32, 2))});
  svd.tensors.push_back(
      {"m.svdquant_lora_a", "F32", {1, 32}, little_floats(std::vector<float>(32))});
  svd.tensors.push_back({"m.svdquant_lora_b", "F32", {4, 1}, little_floats({1, 2, 3, 4})});
  struct Case {
    std::string name;
    Example example;
    std::string untold;  ///< a part that a scheme may have, without a sign of it elsewhere
  };
  const std::vector<Case> cases{{"packed", packed_example(3, true), ""},
                                {"packed with zero points and groups", zeros, ""},
                                {"GPTQ", gptq_example(3, "gptq_p", 0), ""},
                                {"GPTQ with groups", gptq, ""},
                                {"AWQ", awq_example(), ""},
                                {"AWQ gemv", gemv_example(), ""},
                                {"NF4", bnb4_example(false), ""},
                                {"NF4, nested", bnb4_example(true), ""},
                                {"LLM.int8", bnb8_example(), ""},
                                {"NVFP4_SVD", svd, "m.pre_quant_scale"}};
  std::int64_t refusals = 0;
  std::int64_t shards = 0;
  for (const Case& one : cases) {
    const auto legitimate = [&](const std::string& damage, std::size_t part) {
      return damage == "missing" && one.example.tensors[part].name == one.untold;
    };
    CHECK_NOTHROW(values_of(one.example));
    refusals += check_damages(one.name, one.example, legitimate);
    shards += check_shards(one.name, one.example);
  }
  CHECK(refusals > 180);
  CHECK(shards > 35);
  // Without order in the config, groups follow each other.
  CHECK(wrong_elements(awq_example()) == 0);
  CHECK(wrong_elements(bnb4_example(false)) == 0);
  CHECK(wrong_elements(bnb4_example(true)) == 0);
  CHECK(wrong_elements(bnb8_example()) == 0);
  Example by_rows = bnb8_example();  // as bitsandbytes writes it
  by_rows.tensors.push_back({"m.weight_format", "U8", {}, std::string(1, '\0')});
  CHECK(wrong_elements(by_rows) == 0);
}

TEST_CASE("compressed-tensors has two packings of 3, 5, 6 and 7 bits, told apart by their words",
          "[quantised]") {
  for (const std::int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    for (const bool dense : {false, true}) {
      INFO(bits << " bits, " << (dense ? "dense" : "padded"));
      CHECK(wrong_elements(packed_example(bits, dense)) == 0);
    }
  }
  // 12 columns of 5 bits take two words either way, with other codes in them.
  CHECK(refusal_of(packed_example(5, true, 12, 12)) ==
        "F: quantised tensor 'm.weight': its number of words fits both packings of 5 bits that "
        "compressed-tensors has used");
}

TEST_CASE("GPTQ of 3 bits is a stream, gptq_p is planar, and shapes do not tell them apart",
          "[quantised]") {
  for (const std::int64_t bits : {2, 3, 4, 8}) {
    INFO(bits << " bits");
    CHECK(wrong_elements(gptq_example(bits, "gptq", 1)) == 0);
    CHECK(wrong_elements(gptq_example(bits, "gptq_v2", 0)) == 0);
  }
  for (const std::int64_t bits : {3, 5, 6, 7}) {
    INFO(bits << " bits, planar");
    CHECK(wrong_elements(gptq_example(bits, "gptq_p", 0)) == 0);
  }
  CHECK(gptq_example(3, "gptq_p", 0).at("m.qweight").shape ==
        gptq_example(3, "gptq_v2", 0).at("m.qweight").shape);
  CHECK(gptq_example(3, "gptq_p", 0).at("m.qweight").data !=
        gptq_example(3, "gptq_v2", 0).at("m.qweight").data);
}

TEST_CASE("an index of groups that names no group is refused when it is read", "[quantised]") {
  Example example = gptq_example(4, "gptq", 1);
  std::vector<std::int32_t> groups(64, 0);
  groups[7] = 2;
  example.tensors.push_back(
      {"m.g_idx", "I32", {64}, bytes_of(std::span<const std::int32_t>(groups))});
  CHECK(error_of([&] { static_cast<void>(values_of(example)); }) ==
        "its index of groups names group 2, expected less than 2");
}

TEST_CASE("GPTQModel's weight_scale_inv divides, DeepSeek's multiplies", "[quantised]") {
  Example example;
  example.tensors = {{"m.weight", "F8_E4M3", {4, 32}, times("\x40", 128)},  // 2
                     {"m.weight_scale_inv", "F32", {1, 1}, little_floats({8.0F})}};
  example.weight = "m.weight";
  example.rows = 4;
  example.cols = 32;
  example.config = config_of(R"("quant_method":"fp8","weight_block_size":[128,128])");
  example.value = [](std::int64_t, std::int64_t) { return 16.0; };
  CHECK(wrong_elements(example) == 0);
  example.value = [](std::int64_t, std::int64_t) { return 0.25; };
  example.config = config_of(R"("quant_method":"fp8","weight_block_size":[128,128],)"
                             R"("weight_scale_method":"block","weight_scale_semantics":"inverse")");
  CHECK(wrong_elements(example) == 0);
  // One scale for each row.
  example.config = config_of(R"("quant_method":"fp8","weight_scale_method":"row",)"
                             R"("weight_scale_semantics":"inverse")");
  example.at("m.weight_scale_inv") = {
      "m.weight_scale_inv", "F32", {4}, little_floats({1.0F, 2.0F, 4.0F, 8.0F})};
  example.value = [](std::int64_t i, std::int64_t) {
    return std::ldexp(2.0, -static_cast<int>(i));
  };
  CHECK(wrong_elements(example) == 0);
  example.config = config_of(R"("quant_method":"fp8","weight_scale_semantics":"direct")");
  CHECK(refusal_of(example).starts_with(
      "F/config.json: weight_scale_semantics 'direct' of fp8, which is not"));
}

TEST_CASE("factors of columns and of low rank are part of ModelOpt's weights", "[quantised]") {
  Example example = nvfp4_example();
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': expected 'm.svdquant_lora_a' beside it, found none");
  example.config = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4_AWQ")");
  CHECK(wrong_elements(example) == 0);
  std::vector<float> columns;
  for (int j = 0; j < 32; ++j) columns.push_back(static_cast<float>(j + 1));
  example.tensors.push_back({"m.pre_quant_scale", "F32", {32}, little_floats(columns)});
  example.value = [](std::int64_t, std::int64_t j) { return static_cast<double>(j + 1); };
  CHECK(wrong_elements(example) == 0);
  // y = (Q + B A)(p x): the factors of low rank see the scaled inputs too.
  example.tensors.push_back({"m.svdquant_lora_a", "F32", {1, 32}, little_floats(columns)});
  example.tensors.push_back(
      {"m.svdquant_lora_b", "F32", {4, 1}, little_floats({1.0F, 2.0F, 3.0F, 4.0F})});
  example.value = [](std::int64_t i, std::int64_t j) {
    const double p = static_cast<double>(j + 1);
    return (1.0 + static_cast<double>(i + 1) * p) * p;
  };
  CHECK(wrong_elements(example) == 0);
  example.tensors.pop_back();
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': expected 'm.svdquant_lora_b' beside it, found none");
}

TEST_CASE("AWQ of version gemv is in order, and its scales are padded", "[quantised]") {
  Example example = gemv_example();
  CHECK(wrong_elements(example) == 0);
  example.config = config_of(R"("quant_method":"awq","bits":4,"version":"gemv_fast")");
  CHECK(refusal_of(example).starts_with(
      "F/config.json: version 'gemv_fast' of AWQ, which is not read"));
}

TEST_CASE("BitNet's two kinds of layers divide and multiply", "[quantised]") {
  Example example;
  example.tensors = {{"m.weight", "U8", {1, 16}, times("\x24", 16)},  // rows -1, 0, 1, -1
                     {"m.weight_scale", "F32", {1}, little_floats({4.0F})}};
  example.weight = "m.weight";
  example.rows = 4;
  example.cols = 16;
  const auto ternary = [](std::int64_t i) { return i == 1 ? 0.0 : (i == 2 ? 1.0 : -1.0); };
  example.config = config_of(R"("quant_method":"bitnet","linear_class":"autobitlinear")");
  example.value = [&](std::int64_t i, std::int64_t) { return ternary(i) * 4; };
  CHECK(wrong_elements(example) == 0);
  example.config = config_of("\"quant_method\":\"bitnet\"");
  example.value = [&](std::int64_t i, std::int64_t) { return ternary(i) / 4; };
  CHECK(wrong_elements(example) == 0);
}

TEST_CASE("MLX has codes across words, overrides by layer, and no 7 bits", "[quantised]") {
  const auto example_of_bits = [](std::int64_t bits) {
    std::vector<std::uint32_t> words;
    for (std::int64_t i = 0; i < 8; ++i) {
      std::vector<unsigned> row;
      for (std::int64_t j = 0; j < 64; ++j) row.push_back(code_at(i, j, bits));
      const auto more = run_of(row, bits, true);
      words.insert(words.end(), more.begin(), more.end());
    }
    Example example;
    example.config = R"({"quantization":{"group_size":64,"bits":)" + std::to_string(bits) +
                     R"(},"quantization_config":{"quant_method":"fp8"}})";
    example.tensors = {{"m.weight", "U32", {8, 2 * bits}, words_text(words)},
                       {"m.scales", "F32", {8, 1}, little_floats(std::vector<float>(8, 2.0F))},
                       {"m.biases", "F32", {8, 1}, little_floats(std::vector<float>(8, -3.0F))}};
    example.weight = "m.weight";
    example.rows = 8;
    example.cols = 64;
    example.value = [bits](std::int64_t i, std::int64_t j) {
      return code_at(i, j, bits) * 2.0 - 3.0;
    };
    return example;
  };
  for (const std::int64_t bits : {2, 3, 4, 5, 6, 8}) {
    INFO(bits << " bits");
    CHECK(wrong_elements(example_of_bits(bits)) == 0);
  }
  CHECK(refusal_of(example_of_bits(7)) ==
        "F: quantised tensor 'm.weight': mode 'affine' has no 7 bits in groups of 64");
  Example own = example_of_bits(3);
  own.config = R"({"quantization":{"group_size":32,"bits":4,"mode":"mxfp4",)"
               R"("m":{"group_size":64,"bits":3}}})";
  CHECK(wrong_elements(own) == 0);
  own.config = R"({"quantization":{"group_size":64,"bits":3,"m":false}})";
  CHECK(refusal_of(own) ==
        "F: quantised tensor 'm.weight': has scales, but the config says that it is not quantised");
}

TEST_CASE("scales that are not numbers are named, with their number", "[quantised]") {
  Example example;
  example.config = config_of(R"("quant_method":"compressed-tensors","format":"mxfp8-quantized")");
  example.tensors = {
      {"m.weight", "F8_E4M3", {4, 64}, times("\x40", 256)},
      {"m.weight_scale", "U8", {4, 2}, std::string("\x7F\xFF\x7F\x7F\x7F\xFF\x7F\x7F", 8)}};
  example.weight = "m.weight";
  CHECK(error_of([&] { static_cast<void>(values_of(example)); }) ==
        "2 of the 8 scales in 'm.weight_scale' are not numbers (NaN). The program that quantised "
        "the weights wrote them: quantise again");
}

TEST_CASE("a quantisation that is not known is refused by name, or left out whole", "[quantised]") {
  Example example;
  example.config = config_of("\"quant_method\":\"aqlm\"");
  example.tensors = {{"a.codebooks", "F32", {2, 16, 1, 8}, std::string(1024, '\1')},
                     {"a.codes", "I8", {16, 2, 2}, std::string(64, '\1')},
                     {"a.scales", "F32", {16, 16}, std::string(1024, '\1')},
                     {"b.weight", "F32", {16, 16}, std::string(1024, '\1')}};
  CHECK(
      refusal_of(example) ==
      "F/config.json: quantisation 'aqlm', which is not read: dequantise it with the program that "
      "made it, or scan the model that it was made from. With --allow-unknown its tensors are left "
      "out");
  const TempFolder folder;
  const Catalogue catalogue = opened(folder, example, true);
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "b.weight");
  CHECK(catalogue.left_out.size() == 3);
  CHECK(catalogue.left_out[0].reason == "quantised-not-read");
  for (const char* facts :
       {R"("quant_method":"compressed-tensors","format":"marlin-24")",
        R"("quant_method":"modelopt","quant_algo":"W4A8_AWQ")",
        R"("quant_method":"gptq","checkpoint_format":"marlin")", R"("bits":4)"}) {
    example.config = config_of(facts);
    CHECK(refusal_of(example).find("which is not read") != std::string::npos);
  }
}

TEST_CASE("no part of a quantised weight gets a row of its own", "[quantised]") {
  // The same without a config: the types tell that these are codes.
  Example example;
  example.tensors = {{"a.W_q", "U8", {16, 16}, std::string(256, '\1')},
                     {"a.scale", "F32", {16, 16}, std::string(1024, '\1')},
                     {"a.zero", "F32", {16, 16}, std::string(1024, '\1')}};
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'a.weight': expected a 'packing' of hqq beside it, found ''");
  example.tensors[0].name = "a.q_weight";
  CHECK(refusal_of(example).starts_with(
      "F: quantised tensor 'a.q_weight': tensors of a quantised weight that do not make up a "
      "scheme"));
  // Rotations are named and left out.
  example.config =
      config_of(R"("quant_method":"compressed-tensors","format":"dense",)"
                R"("transform_config":{"config_groups":{"R4":{"type":"hadamard","apply":[]}}})");
  example.tensors = {{"m.R4_input.weight", "F32", {16, 16}, std::string(1024, '\1')},
                     {"m.weight", "F32", {16, 16}, std::string(1024, '\1')}};
  const TempFolder folder;
  const Catalogue catalogue = opened(folder, example);
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "m.weight");
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(catalogue.left_out[0].reason == "rotation");
  CHECK(catalogue.warnings.back().find("the weights are rotated") != std::string::npos);
}

TEST_CASE("names that ordinary models use are no parts of quantised weights", "[quantised]") {
  Example example;
  example.tensors = {{"a.weight", "F32", {16, 16}, std::string(1024, '\1')},
                     {"a.scale", "F32", {16}, std::string(64, '\1')},
                     {"q.codebooks", "F32", {16, 16}, std::string(1024, '\1')},
                     {"x.lora_down.weight", "F32", {16, 16}, std::string(1024, '\1')},
                     {"x.lora_up.weight", "F32", {16, 16}, std::string(1024, '\1')}};
  const TempFolder folder;
  CHECK(opened(folder, example).tensors.size() == 5);
}

TEST_CASE("Mistral's own names for scales are read", "[quantised]") {
  const auto value = GENERATE(0.5F, 0.25F);
  Example example;
  example.tensors = {{"l.attention.wq.weight", "F8_E4M3", {4, 8}, times("\x40", 32)},
                     {"l.attention.wq.qscale_weight", "F32", {}, little_floats({value})},
                     {"l.attention.wq.qscale_act", "F32", {}, little_floats({3})},
                     {"l.attention.kv_fake_quantizer.qscale_act", "F32", {1}, little_floats({3})}};
  example.weight = "l.attention.wq.weight";
  example.rows = 4;
  example.cols = 8;
  example.value = [=](std::int64_t, std::int64_t) { return 2.0 * value; };
  CHECK(wrong_elements(example) == 0);
  // A converted model may have a config too.
  example.config = config_of("\"quant_method\":\"fp8\",\"weight_block_size\":null");
  CHECK(wrong_elements(example) == 0);
}

TEST_CASE("a number beside F8 that may be its scale is not passed over", "[quantised]") {
  Example example;
  example.tensors = {{"m.weight", "F8_E4M3", {4, 8}, times("\x40", 32)},
                     {"m.bias", "F32", {4}, little_floats({1, 2, 3, 4})},
                     {"m.input_scale", "F32", {}, little_floats({3})},
                     {"n.weight", "BF16", {4, 8}, times("\x40", 64)},
                     {"n.temperature", "F32", {}, little_floats({3})},
                     {"norm.weight", "F32", {4}, little_floats({1, 2, 3, 4})}};
  CHECK(refusal_of(example) == "nothing was thrown");
  const std::string reason =
      ": tensors of a quantised weight that do not make up a scheme that is read: ";
  example.tensors.push_back({"m.magic", "F32", {1}, little_floats({3})});
  CHECK(refusal_of(example) == "F: quantised tensor 'm.weight'" + reason +
                                   "'m.weight' (F8_E4M3, 4 x 8), 'm.magic' (F32, 1)");
  example.tensors.back() = {"m.weight_row_scale_of_x", "F32", {4}, little_floats({1, 2, 3, 4})};
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight'" + reason +
            "'m.weight' (F8_E4M3, 4 x 8), 'm.weight_row_scale_of_x' (F32, 4)");
  const TempFolder folder;
  CHECK(opened(folder, example, true).left_out.size() == 2);
  example.tensors.back() = {
      "m.weights_scaling_factor", "F32", {4}, little_floats({1, 2, 3, 4})};  // TensorRT-LLM
  CHECK(refusal_of(example).starts_with("F: quantised tensor 'm.weight'" + reason));
  example.tensors.back() = {"m.weight_sf", "F8_E8M0", {4, 1}, times("\x7F", 4)};
  CHECK(refusal_of(example) == "F: quantised tensor 'm.weight'" + reason +
                                   "'m.weight' (F8_E4M3, 4 x 8), 'm.weight_sf' (F8_E8M0, 4 x 1)");
  // Parameters that are no module's weight.
  example.tensors[0].name = "experts.up_proj";
  example.tensors.back() = {"experts.up_proj.magic", "F32", {}, little_floats({3})};
  CHECK(refusal_of(example).starts_with("F: quantised tensor 'experts.up_proj'" + reason));
}
