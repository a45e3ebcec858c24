/// @file
/// The blocks of every type of GGUF, and scales of their own.

#include <array>
#include <map>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/file.hpp"

#include "gguf_support.hpp"
#include "numbers/file_reader.hpp"
#include "numbers/gguf_types.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"
#include "text/json_scanner.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::gguf_bytes;
using wishart::test::gguf_floats;
using wishart::test::GgufText;
using wishart::test::little;
using wishart::test::q8_block;
using wishart::test::TempFolder;

namespace {

std::vector<std::uint8_t> bytes_of_hex(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// A block of random bytes with scale 1, and what ggml makes of it: the first elements v, the sum
/// of all, and the sum of (e + 1) v[e]. Written with libggml of @node-llama-cpp/linux-x64 3.22.1.
struct BookVector {
  std::int64_t type = 0;
  std::string hex;
  std::array<double, 8> first;
  double sum = 0;
  double moment = 0;
};

}  // namespace

TEST_CASE("any block of a quantised tensor agrees with its rows", "[checkpoint][gguf]") {
  // Two experts of 2 x 64: element (r, c) has code 64 r + c - 128.
  std::string data;
  for (int b = 0; b < 8; ++b) data += q8_block(32 * b - 128);
  const TempFolder folder;
  folder.write("m.gguf", gguf_bytes({{}, {{"blk.0.ffn_up_exps.weight", {64, 2, 2}, 8, data}}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.gguf");
  REQUIRE(catalogue.tensors.size() == 1);
  const Tensor& tensor = catalogue.tensors[0];
  CHECK(tensor.shape == std::vector<std::int64_t>{2, 2, 64});
  CHECK(storage_text(tensor) == "GGUF Q8_0");
  FileReader reader(catalogue.root, catalogue.files);
  for (const Block block : {Block{0, 4, 0, 64}, Block{1, 3, 31, 33}, Block{3, 4, 63, 64},
                            Block{0, 1, 0, 32}, Block{2, 4, 5, 60}}) {
    const std::int64_t cols = block.col_end - block.col_begin;
    std::vector<double> values(static_cast<std::size_t>((block.row_end - block.row_begin) * cols));
    reader.read_rectangle(tensor, block, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t row = block.row_begin + static_cast<std::int64_t>(i) / cols;
      const std::int64_t col = block.col_begin + static_cast<std::int64_t>(i) % cols;
      CHECK(values[i] == 0.5 * static_cast<double>(64 * row + col - 128));
    }
  }
}

TEST_CASE("blocks with code books have the elements that ggml computes", "[checkpoint][gguf]") {
  const std::vector<BookVector> vectors{
      {16,
       "003ca75c16b359dc56a42e8c12c317b7c277cc92ddbfe81000a5b9bcd066d6812a3ac9a6dcf8c74c8e76"
       "42e4fa8d336b6fabee070f2706df53280d07dfed1ec0cdfa",
       {-65.625, 65.625, 21, -65.625, -21, 112.875, -21, 65.625},
       522.625,
       28223.5},
      {17,
       "003ceaec40589ac18c2a1bd273bb4a30cd2fde2b21d11baac54721a7bfafcfb05cfe9ad8176eb70cb43a"
       "5d13dfc8f1cb1a3662f2fe52da77bf94e9ff74e504240be4cf347ccd99ab3026",
       {96.875, -31, -31, 96.875, -96.875, -96.875, -166.625, -31},
       -750.875,
       -126455.375},
      {18,
       "003cd5ed5a01ea25faf911b2e690e9745f9234766e10783ab8503d7f2b643fb83acdf7c4eb7538643205"
       "545a38c95c594c492f2929a21580320b8d3d6e137927dc4169135efd45a2071e4d865165aa31d2696591"
       "0c19f4f4037fc1137faf70f29a04",
       {-155, 480.5, 279, -341, 480.5, -31, -31, 480.5},
       418.5,
       -102048.0},
      {19,
       "003c3ed67e729c130fc1a1556f4d65c5fe019b3fd0e8b428721238177c85fd5faf8301ea413d7ec43894"
       "63a0cf077c0cd626",
       {11.375, -1.625, -1.625, -1.625, -1.625, -1.625, -1.625, -14.625},
       -107.0,
       -747.0},
      {21,
       "003cc05d794c32dd5e911e56de9be8de8331b4667736258303210157dffe6debcc03345917d062d6d650"
       "0ea81ac3a2676a1df3c915bc198f32c7f7fd01380a01f89f2f3072dec4c2d4782cc88cf16cb90744bf75"
       "98142aa04b54e2237c3c4c500acf4d047b2ade4328d4081c5dfc",
       {187, 51, -17, -221, 85, -51, 17, 153},
       -1672.0,
       -59320.0},
      {22,
       "003c396afc9f18aef6c9563e2fe1f8b79e19e80329a4cad1d5abefce4e0087edc45e86693bc97c91a970"
       "2b17dbe9e495eb068e867fab94776a9ba52ffaffbe7dae0c404078d9cebcb78ee541dcba69d1541c",
       {11, -11, -34.375, 59.125, 34.375, 11, 11, -11},
       -1492.625,
       -244766.0},
      {29,
       "5e120dc170a373c0a22ff8e687733fc54d38b15fd95d5f6903de258fc5cc3aa042c5257cf4073783691f"
       "fb04d1d8178ec10e9101b8c33a3f",
       {0.375, 0.375, 3.375, 3.375, 0.375, 3.375, 3.375, -2.625},
       230.0,
       12545.0},
  };
  for (const BookVector& vector : vectors) {
    const GgufType* type = gguf_type(vector.type);
    REQUIRE(type != nullptr);
    CAPTURE(type->name);
    CHECK(type->is_read);
    std::array<double, kMaxGgufBlock> values{};
    decode_gguf_block(*type, bytes_of_hex(vector.hex), values);
    double sum = 0;
    double moment = 0;
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (e < vector.first.size()) CHECK(values[e] == vector.first[e]);
      sum += values[e];
      moment += static_cast<double>(e + 1) * values[e];
    }
    CHECK(sum == vector.sum);
    CHECK(moment == vector.moment);
  }
}

namespace {

/// Rows of NVFP4: every group of 16 has scale 1 (E4M3 0x38), every code is 4, that is 2.0.
std::string nvfp4_rows(std::size_t blocks) {
  std::string data;
  for (std::size_t b = 0; b < blocks; ++b) data += std::string(4, 0x38) + std::string(32, 0x44);
  return data;
}

GgufText stack_of_two() { return {"blk.0.ffn_up_exps.weight", {64, 2, 2}, 40, nvfp4_rows(4)}; }
GgufText one_weight() { return {"blk.0.attn_q.weight", {64, 2}, 40, nvfp4_rows(2)}; }

std::string scale_refusal(const std::vector<GgufText>& tensors) {
  const TempFolder folder;
  folder.write("m.gguf", gguf_bytes({{}, tensors}));
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(folder.path())); });
  const std::string root = folder.path().string();
  if (text.starts_with(root)) text.replace(0, root.size(), "F");
  return text;
}

}  // namespace

TEST_CASE("a scale of its own multiplies its weight, that of the input never",
          "[checkpoint][gguf]") {
  const bool long_name = GENERATE(false, true);
  const TempFolder folder;
  const std::string stem = long_name ? "blk.0.attn_q.weight" : "blk.0.attn_q";
  // The scales are in another shard than their weights.
  folder.write("m-00001-of-00002.gguf", gguf_bytes({{}, {stack_of_two(), one_weight()}}));
  folder.write("m-00002-of-00002.gguf",
               gguf_bytes({{},
                           {{stem + ".scale", {1}, 0, little(0.25F)},
                            {stem + ".input_scale", {1}, 0, little(1000.0F)},
                            {"blk.0.ffn_up_exps.scale", {2}, 0, little(0.5F) + little(4.0F)},
                            {"blk.0.ffn_up_exps.input_scale", {2}, 0, gguf_floats(2)},
                            {"blk.0.other.scale", {3}, 0, gguf_floats(3)}}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 3);
  const Tensor& weight = catalogue.tensors[0];
  CHECK(weight.name == "blk.0.attn_q.weight");
  CHECK(storage_text(weight) == "GGUF NVFP4 times a scale");
  const Tensor& stack = catalogue.tensors[1];
  CHECK(stack.name == "blk.0.ffn_up_exps.weight");
  CHECK(storage_text(stack) == "GGUF NVFP4 times scales");
  CHECK(catalogue.tensors[2].name == "blk.0.other.scale");
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(128);
  reader.read_rectangle(weight, {0, 2, 0, 64}, values);
  CHECK(values == std::vector<double>(128, 0.5));
  reader.read_rectangle(stack, {1, 3, 0, 64}, values);  // a row of each expert
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == (i < 64 ? 1.0 : 8.0));
}

TEST_CASE("one scale of a stack is that of every expert", "[checkpoint][gguf]") {
  const TempFolder folder;
  folder.write(
      "m.gguf",
      gguf_bytes({{}, {stack_of_two(), {"blk.0.ffn_up_exps.scale", {1}, 0, little(0.5F)}}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 1);
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(256);
  reader.read_rectangle(catalogue.tensors[0], {0, 4, 0, 64}, values);
  CHECK(values == std::vector<double>(256, 1.0));
}

TEST_CASE("factors of a router's inputs are no scale of its weight", "[checkpoint][gguf]") {
  const std::size_t factors =
      GENERATE(std::size_t{1}, std::size_t{64});  // the width of the model; and any other length
  const TempFolder folder;
  folder.write("m.gguf", gguf_bytes({{},
                                     {{"blk.0.ffn_gate_inp.weight", {64, 4}, 0, gguf_floats(256)},
                                      {"blk.0.ffn_gate_inp.scale",
                                       {static_cast<std::int64_t>(factors)},
                                       0,
                                       gguf_floats(factors)},
                                      stack_of_two(),
                                      {"blk.0.ffn_up_exps.scale", {2}, 0, gguf_floats(2)}}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 3);
  CHECK(catalogue.tensors[0].name == "blk.0.ffn_gate_inp.scale");
  CHECK(catalogue.tensors[0].num_elements == static_cast<std::int64_t>(factors));
  CHECK(storage_text(catalogue.tensors[1]) == "F32");
  CHECK(storage_text(catalogue.tensors[2]) == "GGUF NVFP4 times scales");
}

TEST_CASE("scales of other shapes or types are refused by name", "[checkpoint][gguf]") {
  CHECK(scale_refusal({stack_of_two(), {"blk.0.ffn_up_exps.scale", {3}, 0, gguf_floats(3)}}) ==
        "F: tensor 'blk.0.ffn_up_exps.scale': expected one factor or 2 for "
        "'blk.0.ffn_up_exps.weight' of shape 2 x 2 x 64, found F32 of shape 3");
  CHECK(scale_refusal({one_weight(), {"blk.0.attn_q.scale", {1, 1}, 0, gguf_floats(1)}}) ==
        "F: tensor 'blk.0.attn_q.scale': expected one factor for 'blk.0.attn_q.weight' of shape 2 "
        "x 64, found F32 of shape 1 x 1");
  CHECK(scale_refusal({one_weight(), {"blk.0.attn_q.scale", {1}, 26, gguf_floats(1)}}) ==
        "F: tensor 'blk.0.attn_q.scale': expected one factor for 'blk.0.attn_q.weight' of shape 2 "
        "x 64, found I32 of shape 1");
  CHECK(scale_refusal({one_weight(),
                       {"blk.0.attn_q.scale", {1}, 0, gguf_floats(1)},
                       {"blk.0.attn_q.weight.scale", {1}, 0, gguf_floats(1)}}) ==
        "F: tensor 'blk.0.attn_q.weight.scale': expected one scale of 'blk.0.attn_q.weight', found "
        "'blk.0.attn_q.scale' too");
  CHECK(scale_refusal({one_weight(), {"x.scale", {16, 16}, 0, gguf_floats(256)}}) ==
        "F: tensor 'x.scale': expected 'x.weight', whose scale it is, found none");
}

TEST_CASE("the blocks of every type agree with the reference", "[checkpoint][gguf][.shared]") {
  const auto shared = test::shared_folder();
  if (!shared) return;
  const std::map<std::string, std::int64_t> numbers{
      {"q4_0", 2},   {"q4_1", 3},   {"q5_0", 6},  {"q5_1", 7},  {"q8_0", 8},    {"q2_K", 10},
      {"q3_K", 11},  {"q4_K", 12},  {"q5_K", 13}, {"q6_K", 14}, {"iq4_nl", 20}, {"iq4_xs", 23},
      {"mxfp4", 39}, {"nvfp4", 40}, {"q1_0", 41}, {"q2_0", 42}, {"tq2_0", 35},  {"tq1_0", 34}};
  const std::string text =
      read_text_file(*shared / "fixtures/formats/gguf_block_vectors.json", std::int64_t{1} << 20);
  JsonScanner scanner(text, "vectors", JsonDialect::strict);
  std::size_t types = 0;
  scanner.read_object([&](const std::string& name) {
    CAPTURE(name);
    std::vector<std::uint8_t> block;
    std::vector<double> expected;
    scanner.read_object([&](const std::string& key) {
      if (key == "hex") {
        const std::string hex = scanner.read_string();
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
          block.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
        }
      } else if (key == "values") {
        scanner.read_array([&] { expected.push_back(number_value(scanner.read_number())); });
      } else {
        scanner.skip_value();
      }
    });
    const GgufType* type = gguf_type(numbers.at(name));
    REQUIRE(type != nullptr);
    REQUIRE(type->block_bytes == std::ssize(block));
    REQUIRE(type->block_elements == std::ssize(expected));
    std::vector<double> values(expected.size());
    decode_gguf_block(*type, block, values);
    for (std::size_t e = 0; e < values.size(); ++e) {
      CAPTURE(e);
      CHECK(values[e] == expected[e]);
    }
    ++types;
  });
  CHECK(types == numbers.size());
}
