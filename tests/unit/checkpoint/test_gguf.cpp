/// @file
/// GGUF files: the list of tensors, and refusals.

#include <array>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/gguf/gguf_file.hpp"
#include "gguf_support.hpp"
#include "numbers/file_reader.hpp"
#include "numbers/gguf_types.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::gguf_bytes;
using wishart::test::gguf_fact;
using wishart::test::gguf_floats;
using wishart::test::gguf_text;
using wishart::test::GgufParts;
using wishart::test::GgufText;
using wishart::test::little;
using wishart::test::TempFolder;

namespace {

/// The error of reading a file with these bytes, with F for its path.
std::string refusal(const std::string& bytes) {
  const TempFolder folder;
  const auto path = folder.write("m.gguf", bytes);
  std::string text = error_of([&] { static_cast<void>(read_gguf_file(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

std::string refusal(const GgufParts& parts) { return refusal(gguf_bytes(parts)); }

std::string fact_number(const char* key, std::uint32_t value) {
  return gguf_fact(key, 4, little(value));
}

}  // namespace

TEST_CASE("GGUF lists the dimensions of tensors in reverse order", "[checkpoint][gguf]") {
  const TempFolder folder;
  GgufParts parts;
  parts.facts = {
      gguf_fact("general.architecture", 8, gguf_text("llama")),
      fact_number("llama.block_count", 2),
      fact_number("llama.embedding_length", 3),
      gguf_fact("a.flag", 7, "\x01"),
      gguf_fact("a.real", 12, little(1.5)),
      gguf_fact(
          "tokens", 9,
          little(std::uint32_t{8}) + little(std::uint64_t{2}) + gguf_text("one") + gguf_text("")),
      gguf_fact("scores", 9, little(std::uint32_t{6}) + little(std::uint64_t{3}) + gguf_floats(3))};
  parts.tensors = {{"token_embd.weight", {3, 2}, 0, gguf_floats(6)},
                   {"blk.0.ffn_norm.weight", {3}, 0, gguf_floats(3)}};
  folder.write("m.gguf", gguf_bytes(parts));
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(catalogue.format == "gguf");
  CHECK(catalogue.config.model_type == "llama");
  CHECK(catalogue.config.num_hidden_layers == 2);
  CHECK(catalogue.config.hidden_size == 3);
  CHECK_FALSE(catalogue.config.num_experts);
  REQUIRE(catalogue.tensors.size() == 2);
  const Tensor& embedding = catalogue.tensors[1];
  CHECK(embedding.name == "token_embd.weight");
  CHECK(embedding.shape == std::vector<std::int64_t>{2, 3});
  CHECK(embedding.dtype == Dtype::f32);
  FileReader reader(catalogue.root, catalogue.files);
  std::array<double, 2> values{};
  reader.read_rectangle(embedding, {1, 2, 1, 3}, values);
  CHECK(values == std::array{4.0, 5.0});
}

TEST_CASE("a config beside the file takes precedence over the file's own metadata",
          "[checkpoint][gguf]") {
  const TempFolder folder;
  folder.write("m.gguf", gguf_bytes({{gguf_fact("general.architecture", 8, gguf_text("llama"))},
                                     {{"a", {1}, 0, gguf_floats(1)}}}));
  folder.write("config.json", R"({"model_type": "qwen2"})");
  CHECK(open_checkpoint(folder.path()).config.model_type == "qwen2");
  // The quantisation is that of the model that the file was made from.
  folder.write("config.json",
               R"({"model_type": "qwen2", "quantization_config": {"quant_method": "exl2"}})");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
}

TEST_CASE("types that no model file has are listed and left out", "[checkpoint][gguf]") {
  const TempFolder folder;
  folder.write("m.gguf", gguf_bytes({{},
                                     {{"a.weight", {256, 2}, 15, std::string(2 * 292, 'x')},
                                      {"a.scale", {1}, 0, gguf_floats(1)},
                                      {"b.weight", {2, 2}, 0, gguf_floats(4)}}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(catalogue.tensors.size() == 1);
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(catalogue.left_out[0].tensor.name == "a.weight");
  CHECK(storage_text(catalogue.left_out[0].tensor) == "GGUF Q8_K");
  CHECK(catalogue.left_out[0].reason == "encoding-not-read");
  CHECK(catalogue.left_out[0].detail == "blocks of type Q8_K are not supported");
}

TEST_CASE("GGUF: versions and first words", "[checkpoint][gguf]") {
  GgufParts parts{{}, {{"a", {1}, 0, gguf_floats(1)}}};
  CHECK(refusal("GGML") == "F: expected a GGUF file, found a different signature");
  CHECK(refusal("GG") == "F: expected a GGUF file, found a different signature");
  CHECK(refusal("GGUF") ==
        "F: its version at byte 4 needs 4 bytes, the file has only 0 more. It is damaged or "
        "truncated: copy it again");
  parts.version = 1;
  CHECK(refusal(parts) == "F: expected GGUF of version 2 or 3, found version 1");
  parts.version = 0x03000000;
  CHECK(refusal(parts) == "F: is big-endian, which is not supported");
  parts.version = 2;
  CHECK(refusal(parts) == "nothing was thrown");
  CHECK(refusal(GgufParts{}) == "F: expected tensors, found none");
}

TEST_CASE("GGUF: no count is trusted", "[checkpoint][gguf]") {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 60;
  const std::string head = "GGUF" + little(std::uint32_t{3});
  CHECK(refusal(head + little(kHuge) + little(std::uint64_t{0})) ==
        "F: claims 1152921504606846976 tensors, the file has only 0 more bytes for them");
  CHECK(refusal(head + little(std::uint64_t{0}) + little(~std::uint64_t{0})) ==
        "F: claims 18446744073709551615 keys, the file has only 0 more bytes for them");
  const std::string one = head + little(std::uint64_t{0}) + little(std::uint64_t{1});
  CHECK(refusal(one + little(kHuge) + std::string(8, 'k')) ==
        "F: a key at byte 32 needs 1152921504606846976 bytes, the file has only 8 more. It is "
        "damaged or truncated: copy it again");
  CHECK(refusal(one + gguf_fact("k", 9, little(std::uint32_t{8}) + little(kHuge))) ==
        "F: claims 1152921504606846976 texts in 'k', the file has only 0 more bytes for them");
  CHECK(refusal(one + gguf_fact("k", 9, little(std::uint32_t{10}) + little(kHuge))) ==
        "F: claims 1152921504606846976 values in 'k', the file has only 0 more bytes for them");
  CHECK(refusal(one + gguf_fact("k", 9, little(std::uint32_t{9}) + little(std::uint64_t{1}))) ==
        "F: key 'k': expected a value of types 0 to 12, or an array of types other than arrays, "
        "found "
        "type 9");
  CHECK(refusal(one + gguf_fact("k", 13, "12345678")) ==
        "F: key 'k': expected a value of types 0 to 12, or an array of types other than arrays, "
        "found "
        "type 13");
  CHECK(refusal(one + gguf_text(std::string(65536, 'k')) + std::string(20, 'x')) ==
        "F: a key has 65536 bytes, expected at most 65535");
  CHECK(refusal(one + gguf_fact("", 0, "x")) == "F: expected keys with a name, found an empty one");
}

TEST_CASE("GGUF: keys and alignment", "[checkpoint][gguf]") {
  GgufParts parts{{fact_number("k", 1), fact_number("k", 2)}, {{"a", {1}, 0, gguf_floats(1)}}};
  CHECK(refusal(parts) == "F: key 'k' appears twice");
  parts.facts = {fact_number("general.alignment", 48)};
  CHECK(refusal(parts) == "F: general.alignment: expected a power of two up to 2^30, found 48");
  parts.facts = {gguf_fact("general.alignment", 8, gguf_text("32"))};
  CHECK(refusal(parts) == "F: general.alignment: expected a power of two up to 2^30, found 0");
  parts.facts = {fact_number("general.alignment", 256)};
  parts.alignment = 256;
  CHECK(refusal(parts) == "nothing was thrown");
}

TEST_CASE("importance matrices are no weights", "[checkpoint][gguf]") {
  const std::string message =
      "F: expected weights, found an importance matrix of llama.cpp. Scan the model that it was "
      "made for";
  const auto of = [](const char* type, const char* name) {
    return refusal(GgufParts{{gguf_fact("general.type", 8, gguf_text(type))},
                             {{name, {2, 2}, 0, gguf_floats(4)}}});
  };
  CHECK(of("imatrix", "blk.0.ffn_up.weight.counts") == message);
  CHECK(of("model", "blk.0.ffn_up.weight.in_sum2") == message);
  CHECK(of("model", "blk.0.ffn_up.weight") == "nothing was thrown");
  CHECK(of("mmproj", "v.blk.0.ffn_up.weight") == "nothing was thrown");
}

TEST_CASE("GGUF: tensors", "[checkpoint][gguf]") {
  const auto of = [](const GgufText& tensor) { return refusal(GgufParts{{}, {tensor}}); };
  CHECK(of({"", {1}, 0, gguf_floats(1)}) == "F: tensor '': expected a non-empty name without NUL");
  CHECK(refusal(GgufParts{{}, {{"a", {1}, 0, gguf_floats(1)}, {"a", {1}, 0, gguf_floats(1)}}}) ==
        "F: tensor 'a' appears twice");
  CHECK(of({"a", {1, 1, 1, 1, 1}, 0, gguf_floats(1)}) ==
        "F: tensor 'a' expected at most 4 dimensions, found 5");
  CHECK(of({"a", {1}, 4, gguf_floats(1)}) == "F: tensor 'a' has elements of unknown type 4");
  CHECK(of({"a", {-1}, 0, gguf_floats(1)}) == "F: tensor 'a' has a negative dimension");
  CHECK(of({"a", {33, 2}, 8, std::string(68, 'x')}) ==
        "F: tensor 'a' of type Q8_0: expected rows of whole blocks of 32 elements, found rows of "
        "33");
  CHECK(of({"a", {std::int64_t{1} << 40, std::int64_t{1} << 40}, 0, ""}) ==
        "F: tensor 'a' of shape 1099511627776 x 1099511627776 is too large");
  CHECK(of({"a", {std::int64_t{1} << 62}, 0, ""}) ==
        "F: tensor 'a' of shape 4611686018427387904 is too large");
  CHECK(of({"a", {std::int64_t{1} << 60}, 0, gguf_floats(8)}) ==
        "F: expected 4611686018427387904 bytes of data, found 32. The file is truncated: copy it "
        "again");
  GgufParts parts{{}, {{"a", {1}, 0, gguf_floats(1)}}};
  parts.offset_error = 32;
  CHECK(refusal(parts) == "F: tensor 'a' expected it at byte 0 of the data, found 32");
  // The padding after the last tensor may be missing, but not its bytes.
  std::string bytes = gguf_bytes({{}, {{"a", {3}, 0, gguf_floats(3)}}});
  bytes.resize(bytes.size() - 20);
  CHECK(refusal(bytes) == "nothing was thrown");
  bytes.pop_back();
  CHECK(refusal(bytes) ==
        "F: expected 12 bytes of data, found 11. The file is truncated: copy it again");
}

TEST_CASE("several GGUF files are shards, or each is a checkpoint", "[checkpoint][gguf]") {
  const TempFolder folder;
  const auto file = [](const char* name) {
    return gguf_bytes({{}, {{name, {1}, 0, gguf_floats(1)}}});
  };
  folder.write("x/m-00001-of-00002.gguf", file("a"));
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "x")); }) ==
        (folder / "x").string() +
            ": m-*-of-00002.gguf: found 1 of 2 files, missing m-00002-of-00002.gguf. Copy the "
            "folder again");
  folder.write("x/m-00002-of-00002.gguf", file("b"));
  CHECK(open_checkpoint(folder / "x").tensors.size() == 2);
  folder.write("y/m-Q4_0.gguf", file("a"));
  folder.write("y/m-Q8_0.gguf", file("a"));
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "y")); }) ==
        (folder / "y").string() +
            ": expected one file of weights, or shards of one checkpoint, found 'm-Q4_0.gguf', "
            "'m-Q8_0.gguf'. Name one of them");
}
