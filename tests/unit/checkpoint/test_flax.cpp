/// @file
/// Flax: arrays in MessagePack.

#include <algorithm>
#include <functional>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::TempFolder;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Values = std::vector<double>;

/// Values of MessagePack, always in their longest forms.
std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) text += static_cast<char>((value >> (8 * i)) & 0xFFU);
  return text;
}
std::string number(std::uint64_t value) { return '\xcf' + big_endian(value, 8); }
std::string text(const std::string& value) { return '\xdb' + big_endian(value.size(), 4) + value; }
std::string bytes(const std::string& value) { return '\xc6' + big_endian(value.size(), 4) + value; }
std::string dict(const Pairs& pairs) {
  std::string result = '\xdf' + big_endian(pairs.size(), 4);
  for (const auto& [key, value] : pairs) result += text(key) + value;
  return result;
}
std::string list(const std::vector<std::string>& values) {
  std::string result = '\xdd' + big_endian(values.size(), 4);
  for (const std::string& value : values) result += value;
  return result;
}
std::string extension(char type, const std::string& content) {
  return '\xc9' + big_endian(content.size(), 4) + type + content;
}
std::string array(const std::vector<std::uint64_t>& shape, const std::string& type,
                  const std::string& data, char extension_type = 1) {
  std::vector<std::string> sizes;
  for (const std::uint64_t size : shape) sizes.push_back(number(size));
  return extension(extension_type, list({list(sizes), text(type), bytes(data)}));
}
std::string floats(const std::vector<float>& values) {
  return test::bytes_of(std::span<const float>(values));
}
std::string tuple(const std::vector<std::string>& values) {
  Pairs pairs;
  for (std::size_t i = 0; i < values.size(); ++i) pairs.emplace_back(std::to_string(i), values[i]);
  return dict(pairs);
}
std::string chunked(const std::vector<std::string>& shape, const std::vector<std::string>& chunks) {
  return dict(
      {{"__msgpack_chunked_array__", "\xc3"}, {"shape", tuple(shape)}, {"chunks", tuple(chunks)}});
}

/// Bytes of the hexadecimal digits.
std::string unhex(std::string_view digits) {
  std::string result;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    result += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return result;
}

Values values_of(const Catalogue& catalogue, const std::string& name) {
  for (const Tensor& tensor : catalogue.tensors) {
    if (tensor.name != name) continue;
    FileReader reader(catalogue.root, catalogue.files);
    Values values(static_cast<std::size_t>(tensor.num_elements));
    reader.read_elements(tensor, 0, values);
    return values;
  }
  FAIL("no tensor " + name);
  return {};
}

Catalogue opened(const TempFolder& folder, const std::string& content) {
  folder.write("flax_model.msgpack", content);
  return open_checkpoint(folder.path());
}

std::string refusal(const std::string& content) {
  const TempFolder folder;
  folder.write("m.msgpack", content);
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(folder / "m.msgpack")); });
  const std::string path = (folder / "m.msgpack").string();
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

}  // namespace

TEST_CASE("Flax: keys of many bytes over many arrays are refused", "[checkpoint][flax]") {
  Pairs arrays;
  for (int i = 0; i < 300; ++i) {
    arrays.emplace_back(std::to_string(i), array({1}, "float32", floats({1})));
  }
  std::string content = dict(arrays);
  for (int i = 0; i < 8; ++i) content = dict({{std::string(65000, 'a'), content}});
  CHECK(refusal(content).starts_with("F: expected names and facts of at most "));
  for (int i = 0; i < 9; ++i) content = dict({{std::string(65000, 'a'), content}});
  CHECK(refusal(content).starts_with("F: expected names of at most 1048576 bytes, found one of "));
}

TEST_CASE("a TrainState of Flax, as msgpack of Python writes it", "[checkpoint][flax]") {
  // {'step': 7, 'params': {'dense': {'kernel': float32 [2, 3], 'bias': float16 [3]},
  // 'wte': {'embedding': bfloat16 [2, 2]}}, 'opt_state': ...}, by python3-msgpack 1.0.3
  const std::string written = unhex(
      "83a47374657007a6706172616d7382a564656e736582a66b65726e656cc7260193920203a7666c6f61743332c4"
      "18000000000000803f0000004000004040000080400000a040a462696173c71301939103a7666c6f61743136c4"
      "06003c00400042a377746581a9656d62656464696e67c7170193920202a862666c6f61743136c408803f004080"
      "bf0000a96f70745f737461746581a13082a5636f756e74c70e019390a5696e743332c40401000000a26d75c711"
      "01939101a7666c6f61743332c40400000000");
  const TempFolder folder;
  folder.write("flax_model.msgpack", written);
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(catalogue.format == "flax");
  CHECK(catalogue.training.step == 7);
  REQUIRE(catalogue.tensors.size() == 3);
  CHECK(catalogue.tensors[1].shape == std::vector<std::int64_t>{2, 3});  // [in, out], as stored
  CHECK(values_of(catalogue, "dense.bias") == Values{1, 2, 3});
  CHECK(values_of(catalogue, "dense.kernel") == Values{0, 1, 2, 3, 4, 5});
  CHECK(values_of(catalogue, "wte.embedding") == Values{1, 2, -1, 0});
  for (std::size_t size = 0; size < written.size(); ++size) {
    CAPTURE(size);
    folder.write("flax_model.msgpack", written.substr(0, size));
    CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder.path())); }).find("damaged") !=
          std::string::npos);
  }
}

TEST_CASE("chunks of a large array are one array", "[checkpoint][flax]") {
  const std::string content =
      dict({{"w", chunked({number(3), number(2)}, {array({4}, "float32", floats({1, 2, 3, 4})),
                                                   array({2}, "float32", floats({5, 6}))})}});
  const TempFolder folder;
  const Catalogue catalogue = opened(folder, content);
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].shape == std::vector<std::int64_t>{3, 2});
  CHECK(values_of(catalogue, "w") == Values{1, 2, 3, 4, 5, 6});
  const auto chunks = [](const std::vector<std::string>& shape,
                         const std::vector<std::string>& parts) {
    return refusal(dict({{"w", chunked(shape, parts)}}));
  };
  const std::string part = array({2}, "float32", floats({5, 6}));
  CHECK(chunks({number(3), number(2)}, {part, part}) ==
        "F: array 'w': expected chunks of 6 elements for shape 3 x 2, found 4");
  CHECK(chunks({number(2), number(2)}, {part, array({2}, "int32", floats({5, 6}))}) ==
        "F: array 'w': expected chunks of one dimension and one type, found others");
  CHECK(chunks({number(2), number(1)}, {array({2, 1}, "float32", floats({5, 6}))}) ==
        "F: array 'w': expected chunks of one dimension and one type, found others");
  CHECK(chunks({number(2)}, {number(1)}) ==
        "F: array 'w': expected chunks that are arrays, found something else");
  CHECK(chunks({text("2")}, {part}) ==
        "F: array 'w': expected a shape of at most 64 sizes, found something else");
  const std::string mark = "\xc3";
  CHECK(refusal(dict({{"w", dict({{"__msgpack_chunked_array__", mark}})}})) ==
        "F: array 'w': expected a mark, a shape and chunks, found others");
  CHECK(refusal(dict({{"w", dict({{"__msgpack_chunked_array__", mark},
                                  {"shape", dict({{"1", number(2)}})},
                                  {"chunks", tuple({part})}})}})) ==
        "F: array 'w': expected its shape in order, found something else");
  CHECK(refusal(dict({{"w", dict({{"__msgpack_chunked_array__", mark},
                                  {"chunks", tuple({part})},
                                  {"shape", tuple({number(2)})}})}})) ==
        "F: array 'w': expected its shape, found something else");
}

TEST_CASE("what Flax keeps beside its arrays is passed over", "[checkpoint][flax]") {
  const std::string one = array({1, 2}, "float32", floats({1, 2}));
  const TempFolder folder;
  const Catalogue catalogue =
      opened(folder, dict({{"step", array({}, "int32", std::string("\x05\0\0\0", 4))},
                           {"a", list({one, dict({{"b", one}})})},
                           {"texts", list({text("x"), "\xc0", "\xcb" + std::string(8, '\0')})},
                           {"complex", extension(2, list({number(1), number(2)}))},
                           {"scalar", array({}, "float32", floats({3}), 3)},
                           {"small", array({2}, "int4", "xy")},
                           {"batch_stats", dict({{"mean", one}})},
                           {"opt_state", dict({{"mu", one}})}}));
  CHECK(catalogue.training.step == 5);
  std::vector<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.push_back(tensor.name);
  CHECK(names == std::vector<std::string>{"a.0", "a.1.b", "batch_stats.mean"});
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(catalogue.left_out[0].tensor.name == "small");
  CHECK(catalogue.left_out[0].detail == "elements of type 'int4' are not supported");
  // A single array has the name of its file.
  CHECK(opened(folder, one).tensors.at(0).name == "flax_model");
}

TEST_CASE("shards of Flax, whose index joins names with slashes", "[checkpoint][flax]") {
  const TempFolder folder;
  const auto shard = [&](int i, const std::string& name) {
    folder.write(
        "flax_model-0000" + std::to_string(i) + "-of-00002.msgpack",
        dict({{"params",
               dict({{name, dict({{"kernel", array({1, 1}, "float32", floats({2}))}})}})}}));
  };
  shard(1, "a");
  shard(2, "b");
  folder.write("flax_model.msgpack.index.json",
               R"({"metadata": {}, "weight_map": {
                 "params/a/kernel": "flax_model-00001-of-00002.msgpack",
                 "params/b/kernel": "flax_model-00002-of-00002.msgpack"}})");
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.warnings.empty());
  CHECK(values_of(catalogue, "b.kernel") == Values{2});
  shard(2, "c");
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder.path())); })
            .ends_with("flax_model-00002-of-00002.msgpack: lacks 1 tensor that "
                       "flax_model.msgpack.index.json places there: 'b.kernel'"));
  std::filesystem::remove(folder / "flax_model.msgpack.index.json");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 2);
  std::filesystem::remove(folder / "flax_model-00001-of-00002.msgpack");
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.path()));
        }).find("found 1 of 2 files") != std::string::npos);
}

TEST_CASE("a name that a file of Flax has twice is refused", "[checkpoint][flax]") {
  const std::string one = array({1, 1}, "float32", floats({1}));
  const TempFolder folder;
  for (const std::string& content :
       {dict({{"a", one}, {"a", one}}), dict({{"a.b", one}, {"a", dict({{"b", one}})}})}) {
    folder.write("flax_model.msgpack", content);
    const std::string found = error_of([&] { static_cast<void>(open_checkpoint(folder.path())); });
    INFO(found);
    CHECK(found.ends_with("' occurs twice in flax_model.msgpack, expected it once"));
  }
}

TEST_CASE("files of Flax that are refused", "[checkpoint][flax]") {
  const auto of = [](const std::string& value) { return refusal(dict({{"w", value}})); };
  CHECK(of(array({2, 3}, "float32", floats({1}))) ==
        "F: array 'w': expected 24 bytes of float32 for shape 2 x 3, found 4");
  CHECK(of(array({std::uint64_t{1} << 62, 4}, "float32", "")) ==
        "F: array 'w': expected more than 2^63 bytes of float32 for shape 4611686018427387904 x 4, "
        "found 0");
  CHECK(of(array({std::uint64_t{1} << 63}, "float32", "")) ==
        "F: array 'w': expected a shape of at most 64 sizes, found something else");
  CHECK(of(extension(1, list({list({}), text("float32")}))) ==
        "F: array 'w': expected a shape, a type and elements, found something else");
  CHECK(of(extension(1, list({text(""), text("float32"), bytes("")}))) ==
        "F: array 'w': expected a shape, found something else");
  CHECK(of(extension(1, list({list({}), number(1), bytes("")}))) ==
        "F: array 'w': expected the name of a type, found something else");
  CHECK(of(extension(1, list({list({}), text("int8"), bytes("1")}) + "x")) ==
        "F: array 'w': expected its elements as bytes, found something else");
  CHECK(of(number(1)) == "F: expected arrays of Flax, found none");
  CHECK(of("\xc1") ==
        "F: expected a MessagePack value at byte 11, found the byte 193, which begins none. It is "
        "not a file of Flax, or damaged");
  CHECK(refusal(dict({}) + "x") ==
        "F: expected the end of the file at byte 5, found 1 more bytes. It is not a file of Flax, "
        "or damaged");
  CHECK(refusal("\x81\xa1" + std::string(1, '\0') + "\x01") ==
        "F: expected a key without NUL before byte 3, found something else");
  CHECK(refusal("\x81\x91\x01\x01") ==
        "F: expected a key without NUL before byte 2, found something else");
  // Counts are compared with the bytes that are left before anything is read.
  CHECK(refusal("\xdf\xff\xff\xff\xff") ==
        "F: a value before byte 5 needs 8589934590 more bytes, there are only 0. The file is "
        "damaged or truncated: copy it again");
  CHECK(refusal(std::string(200, '\x91') + "\xc0") ==
        "F: its dicts are nested deeper than 100 levels");
}
