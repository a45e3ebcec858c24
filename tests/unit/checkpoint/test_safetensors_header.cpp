/// @file
/// The header of safetensors files: the reference implementation's own test vectors, each rule, and
/// each message.

#include <catch2/catch.hpp>

#include "wishart/core/hash.hpp"

#include "formats/safetensors/safetensors_header.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace std::string_literals;
using wishart::test::error_of;
using wishart::test::safetensors_bytes;

namespace {

/// The header of a file with these bytes.
SafetensorsHeader header_of(const std::string& bytes) {
  const test::TempFolder folder;
  return read_safetensors_file(folder.write("f", bytes)).header;
}

/// The message about a file with these bytes, the path shown as F.
std::string refusal(const std::string& bytes) {
  const test::TempFolder folder;
  const std::string path = folder.write("f", bytes).string();
  std::string text = error_of([&] { static_cast<void>(read_safetensors_file(path)); });
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

const std::string kTest = R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}})";

}  // namespace

TEST_CASE("the reference's valid file is read", "[checkpoint][safetensors]") {
  REQUIRE(kTest.size() == 0x3C);
  const std::string bytes = "\x3C\0\0\0\0\0\0\0"s + kTest + std::string(16, '\0');
  const test::TempFolder folder;
  const SafetensorsFile file = read_safetensors_file(folder.write("a.safetensors", bytes));
  CHECK(file.source.name == "a.safetensors");
  CHECK(file.source.size_bytes == 84);
  CHECK(file.source.mtime_ns > 0);
  CHECK(file.source.header_hash == hash_hex(kTest));
  REQUIRE(file.header.tensors.size() == 1);
  const Tensor& tensor = file.header.tensors.front();
  CHECK(tensor.name == "test");
  CHECK(tensor.dtype == Dtype::i32);
  CHECK(tensor.shape == std::vector<std::int64_t>{2, 2});
  CHECK(tensor.num_elements == 4);
  CHECK(tensor.offset_bytes == 68);
  CHECK(tensor.size_bytes == 16);
}

TEST_CASE("the reference's invalid files are refused", "[checkpoint][safetensors]") {
  CHECK(refusal(safetensors_bytes(kTest, std::string(14, '\0'))) ==
        "F: the tensors of the header take 16 bytes, the file has 14 after its header. The file is "
        "truncated: copy it again");
  CHECK(refusal(safetensors_bytes(kTest, std::string(16, '\0') + "extra")) ==
        "F: the tensors of the header take 16 bytes, the file has 21 after its header");
  CHECK(refusal(safetensors_bytes("{" + entry("test", "I32", "[2,2]", "[0,4]") + "}", "1234")) ==
        "F: tensor 'test': I32 of shape 2 x 2 takes 16 bytes, data_offsets [0, 4] hold 4");
  CHECK(refusal(safetensors_bytes(
            "{" + entry("test", "I32", "[2,18446744073709551614]", "[0,16]") + "}",
            std::string(16, '\0'))) ==
        "F: tensor 'test', byte 42: expected an integer from 0 to 9223372036854775807, found "
        "18446744073709551614");
  CHECK(refusal(
            safetensors_bytes("{" + entry("test", "I32", "[2,9223372036854775807]", "[0,16]") + "}",
                              std::string(16, '\0'))) ==
        "F: tensor 'test': I32 of shape 2 x 9223372036854775807 has more than 2^63 bits");
  CHECK(refusal("\x3C\0\0\0\0\xFF\xFF\xFF"s) ==
        "F: claims a header of 18446742974197923900 bytes, expected at most 100000000. It is not "
        "a safetensors file");
  CHECK(refusal("\x01\0\0\0\0\0\0\0\xFF"s) ==
        "F: expected JSON in UTF-8, found bytes that are not UTF-8");
  CHECK(refusal("\x01\0\0\0\0\0\0\0{"s) == "F: byte 9: expected a string, found the end");
  std::string ten = "{";
  for (int i = 0; i < 10; ++i) {
    ten += (i == 0 ? "" : ",") + entry("t" + std::to_string(i), "I32", "[2,2]", "[0,16]");
  }
  CHECK(refusal(safetensors_bytes(ten + "}", std::string(16, '\0'))) ==
        "F: tensor 't1' begins at byte 0 of the data, expected byte 16: tensors must be "
        "contiguous, without gaps or overlaps");
}

TEST_CASE("the reference's odd but valid headers are accepted", "[checkpoint][safetensors]") {
  CHECK(header_of("\x06\0\0\0\0\0\0\0{}\r \t\n"s).tensors.empty());
  CHECK(header_of("\x06\0\0\0\0\0\0\0\t\n{}\r "s).tensors.empty());
  CHECK(header_of(safetensors_bytes("{}      ", "")).tensors.empty());
  const SafetensorsHeader empty =
      header_of(safetensors_bytes("{" + entry("e", "I32", "[2,0]", "[0,0]") + "}", ""));
  REQUIRE(empty.tensors.size() == 1);
  CHECK(empty.tensors.front().num_elements == 0);
  const SafetensorsHeader scalar =
      header_of(safetensors_bytes("{" + entry("s", "F32", "[]", "[0,4]") + "}", "1234"));
  CHECK(scalar.tensors.front().num_elements == 1);
  CHECK(scalar.tensors.front().shape.empty());
}

TEST_CASE("tensors are in the order of their bytes, empty ones anywhere",
          "[checkpoint][safetensors]") {
  const SafetensorsHeader header = header_of(safetensors_bytes(
      "{" + entry("b", "U8", "[3]", "[2,5]") + "," + entry("z", "U8", "[0]", "[2,2]") + "," +
          entry("a", "U8", "[2]", "[0,2]") + "}",
      "12345"));
  REQUIRE(header.tensors.size() == 3);
  CHECK(header.tensors[0].name == "a");
  CHECK(header.tensors[1].name == "z");
  CHECK(header.tensors[2].name == "b");
}

TEST_CASE("metadata are strings, null or absent; other fields are skipped",
          "[checkpoint][safetensors]") {
  const auto with = [](const std::string& metadata) {
    return safetensors_bytes(
        "{\"__metadata__\":" + metadata + "," + entry("a", "U8", "[1]", "[0,1]") + "}", "x");
  };
  CHECK(header_of(with("null")).metadata.empty());
  CHECK(header_of(with(R"({"format":"pt"})")).metadata ==
        std::vector<std::pair<std::string, std::string>>{{"format", "pt"}});
  CHECK(refusal(with(R"({"n":1})")) == "F: byte 29: expected a string, found '1'");
  CHECK(refusal(with("[]")) == "F: byte 24: expected an object, found '['");
  CHECK(refusal(with(R"({"n":"1","n":"2"})")) ==
        "F: two metadata entries of the header are named 'n'");
  CHECK(refusal(with("{},\"__metadata__\":{}")) ==
        "F: byte 42: expected one __metadata__, found a second");
  CHECK(header_of(
            safetensors_bytes(
                R"({"a":{"x":{"y":[1e3,null,{}]},"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                "x"))
            .tensors.size() == 1);
}

TEST_CASE("an inconsistent header is refused with the tensor and both numbers",
          "[checkpoint][safetensors]") {
  const auto one = [](const std::string& text, const std::string& data = "12345678") {
    return refusal(safetensors_bytes("{" + text + "}", data));
  };
  CHECK(one(entry("a", "Q4", "[8]", "[0,8]")) ==
        "F: tensor 'a', byte 26: expected a dtype of safetensors, found 'Q4'");
  CHECK(one(entry("a", "U8", "[8]", "[0]")) ==
        "F: tensor 'a', byte 57: expected two data_offsets, found 1");
  CHECK(one(entry("a", "U8", "[8]", "[0,8,8]")) ==
        "F: tensor 'a', byte 61: expected two data_offsets, found 3");
  CHECK(one(entry("a", "U8", "[-8]", "[0,8]")) ==
        "F: tensor 'a', byte 36: expected an integer from 0 to 9223372036854775807, found -8");
  CHECK(one(entry("a", "U8", "[8.0]", "[0,8]")) ==
        "F: tensor 'a', byte 36: expected an integer from 0 to 9223372036854775807, found 8.0");
  CHECK(one(entry("a", "U8", "[8]", "[8,0]")) ==
        "F: tensor 'a': data_offsets [8, 0] end before they start");
  CHECK(one(entry("a", "F6_E2M3", "[3]", "[0,2]")) ==
        "F: tensor 'a': F6_E2M3 of shape 3 takes 18 bits, expected whole bytes");
  CHECK(one(entry("a", "U8", "[4]", "[4,8]")) ==
        "F: tensor 'a' begins at byte 4 of the data, expected byte 0: tensors must be contiguous, "
        "without gaps or overlaps");
  CHECK(one(entry("a", "U8", "[4]", "[0,4]") + "," + entry("b", "U8", "[3]", "[5,8]")) ==
        "F: tensor 'b' begins at byte 5 of the data, expected byte 4: tensors must be contiguous, "
        "without gaps or overlaps");
  CHECK(one(entry("a", "U8", "[4]", "[0,4]") + "," + entry("a", "U8", "[4]", "[4,8]")) ==
        "F: two tensors of the header are named 'a'");
  CHECK(one(R"("a":{"shape":[8],"data_offsets":[0,8]})")
            .ends_with("expected dtype, shape and data_offsets, found no dtype"));
  CHECK(one(R"("a":{"dtype":"U8","data_offsets":[0,8]})").ends_with("found no shape"));
  CHECK(one(R"("a":{"dtype":"U8","shape":[8]})").ends_with("found no data_offsets"));
  CHECK(one(R"("a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]})") ==
        "F: tensor 'a', byte 35: expected one dtype, found a second");
  CHECK(one(entry("a", "U8", "[9223372036854775807,9223372036854775807]", "[0,8]"))
            .ends_with("has more than 2^63 bits"));
  CHECK(one(entry("a", "F64", "[1152921504606846976]", "[0,8]"))
            .ends_with("has more than 2^63 bits"));
}

TEST_CASE("a file too short for its header is refused", "[checkpoint][safetensors]") {
  CHECK(refusal("") ==
        "F: has 0 bytes, a safetensors file has at least 8. The file is truncated: copy it again");
  CHECK(refusal("1234567") ==
        "F: has 7 bytes, a safetensors file has at least 8. The file is truncated: copy it again");
  CHECK(refusal(std::string(8, '\0')) == "F: byte 8: expected a value, found the end");
  CHECK(refusal("\x3C\0\0\0\0\0\0\0{}"s) ==
        "F: claims a header of 60 bytes, the file has 2 after the length field. The file is "
        "truncated: copy it again");
  CHECK(refusal("\x01\xE1\xF5\x05\0\0\0\0{}"s) ==
        "F: claims a header of 100000001 bytes, expected at most 100000000. It is not a "
        "safetensors file");
  CHECK(refusal("\0\xE1\xF5\x05\0\0\0\0{}"s) ==
        "F: claims a header of 100000000 bytes, the file has 2 after the length field. The file is "
        "truncated: copy it again");
}

TEST_CASE("padding other than white space is refused", "[checkpoint][safetensors]") {
  CHECK(refusal(safetensors_bytes("{}\0\0"s, "")) == "F: byte 10: expected the end, found '\\x00'");
  CHECK(refusal(safetensors_bytes("\xEF\xBB\xBF{}", "")) ==
        "F: byte 8: expected a value, found '\\xef'");
}

TEST_CASE("hostile names are shown with escapes", "[checkpoint][safetensors]") {
  CHECK(
      refusal(
          safetensors_bytes("{" + entry("\\u001b[2J\\u202ex", "U8", "[4]", "[0,1]") + "}", "x")) ==
      "F: tensor '\\x1b[2J\\xe2\\x80\\xaex': U8 of shape 4 takes 4 bytes, data_offsets [0, 1] hold "
      "1");
  CHECK(refusal(safetensors_bytes("{" + entry("a\\u0000b", "U8", "[1]", "[0,1]") + "}", "x")) ==
        "F: byte 20: expected a tensor name without NUL, found 'a\\x00b'");
  const std::string long_name(100'000, 'n');
  CHECK(refusal(safetensors_bytes("{" + entry(long_name, "U8", "[4]", "[0,1]") + "}", "x")).size() <
        500);
}

TEST_CASE("every dtype of safetensors is catalogued", "[checkpoint][safetensors]") {
  const std::string name =
      GENERATE(as<std::string>(), "BOOL", "U8", "I8", "I16", "U16", "F16", "BF16", "I32", "U32",
               "F32", "I64", "U64", "F64", "C64", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ",
               "F8_E5M2FNUZ", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4");
  const std::int64_t bytes = 4 * dtype_bits(*dtype_from_name(name)) / 8;
  const SafetensorsHeader header = header_of(
      safetensors_bytes({{"t", name, {4}, std::string(static_cast<std::size_t>(bytes), '\0')}}));
  CHECK(dtype_name(header.tensors.front().dtype) == name);
  CHECK(header.tensors.front().size_bytes == bytes);
}

TEST_CASE("any prefix of a file is refused without a crash", "[checkpoint][safetensors]") {
  const std::string bytes =
      safetensors_bytes({{"a", "F32", {2}, "12345678"}, test::small_tensor("b")},
                        "\"__metadata__\":{\"format\":\"pt\"},");
  CHECK(header_of(bytes).tensors.size() == 2);
  const test::TempFolder folder;
  std::size_t refused = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto path = folder.write("f", bytes.substr(0, length));
    refused +=
        error_of([&] { static_cast<void>(read_safetensors_file(path)); }) != "nothing was thrown"
            ? 1U
            : 0U;
  }
  CHECK(refused == bytes.size());
}

TEST_CASE("a header with any one byte changed is read or refused", "[checkpoint][safetensors]") {
  const std::string good =
      R"({"__metadata__":{"a":"b"},)" + entry("a", "F32", "[2]", "[0,8]") + "}";
  const auto size = static_cast<std::int64_t>(good.size()) + 16;
  std::size_t read = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = good;
      text[at] = static_cast<char>(byte);
      try {
        const SafetensorsHeader header = parse_safetensors_header(text, size, "F");
        for (const Tensor& tensor : header.tensors) {
          REQUIRE(tensor.offset_bytes + tensor.size_bytes <= size);
        }
        ++read;
      } catch (const Error& error) {
        REQUIRE(error.blame() == Blame::input);
      }
    }
  }
  CHECK(read >= good.size());  // at least the unchanged ones
}

TEST_CASE("a header of 90 000 tensors is read", "[checkpoint][safetensors]") {
  std::vector<test::TensorText> tensors;
  for (int i = 0; i < 90'000; ++i) {
    tensors.push_back(test::small_tensor("model.layers." + std::to_string(i / 1500) +
                                         ".mlp.experts." + std::to_string(i % 1500) +
                                         ".down_proj.weight"));
  }
  // Takes 0.2 seconds. A check that compares every name with every other would exceed the time
  // limit of the test.
  CHECK(header_of(safetensors_bytes(tensors)).tensors.size() == 90'000);
}
