/// @file
/// ONNX models: where initializers may store their numbers, and refusals.

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/onnx/onnx_file.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::TempFolder;

namespace {

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7U) bytes += static_cast<char>(128 | (value & 127));
  return bytes + static_cast<char>(value);
}

std::string number(std::uint64_t field, std::uint64_t value) {
  return varint(field << 3U) + varint(value);
}

std::string bytes(std::uint64_t field, const std::string& value) {
  return varint(field << 3U | 2) + varint(value.size()) + value;
}

std::string dims(const std::vector<std::uint64_t>& sizes) {
  std::string text;
  for (const std::uint64_t size : sizes) text += number(1, size);
  return text;
}

std::string fact(const std::string& key, const std::string& value) {
  return bytes(13, bytes(1, key) + bytes(2, value));
}

/// A model with these initializers.
std::string model(const std::vector<std::string>& initializers) {
  std::string graph = bytes(1, bytes(4, "MatMul")) + bytes(2, "graph");
  for (const std::string& one : initializers) graph += bytes(5, one);
  return number(1, 8) + bytes(2, "writer") + bytes(7, graph) + bytes(8, number(2, 17));
}

std::string floats(std::size_t count) {
  std::string data;
  for (std::size_t i = 0; i < count; ++i) data += little(static_cast<float>(i));
  return data;
}

/// A list of varints, as int32_data stores the bits of short floats.
std::string varints(const std::vector<std::uint64_t>& numbers) {
  std::string data;
  for (const std::uint64_t one : numbers) data += varint(one);
  return data;
}

constexpr std::uint64_t kFloat = 1;
constexpr std::uint64_t kHalf = 10;

/// `name`, 2 x 3, FLOAT, and the field with its numbers.
std::string weight(const std::string& data, const std::string& name = "w") {
  return dims({2, 3}) + number(2, kFloat) + bytes(8, name) + data;
}

std::string outside(const std::string& location, const std::string& more = "") {
  return weight(number(14, 1) + fact("location", location) + more);
}

std::string refusal(const std::string& content, const TempFolder& folder) {
  const auto path = folder.write("m.onnx", content);
  std::string text = error_of([&] { static_cast<void>(read_onnx_file(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

std::string refusal(const std::string& content) {
  const TempFolder folder;
  return refusal(content, folder);
}

std::vector<double> values(const Catalogue& catalogue, std::size_t tensor) {
  std::vector<double> result(static_cast<std::size_t>(catalogue.tensors[tensor].num_elements));
  FileReader(catalogue.root, catalogue.files).read_elements(catalogue.tensors[tensor], 0, result);
  return result;
}

const std::vector<double> kNumbers{0, 1, 2, 3, 4, 5};

}  // namespace

TEST_CASE("initializers are read wherever their numbers are stored", "[checkpoint][onnx]") {
  const TempFolder folder;
  std::string doubles;
  for (const double value : kNumbers) doubles += little(value);
  // 0, 1, ... 5 of float16; as bfloat16 too.
  const std::string halves("\x00\x00\x00\x3c\x00\x40\x00\x42\x00\x44\x00\x45", 12);
  const std::string brains("\x00\x00\x80\x3f\x00\x40\x40\x40\x80\x40\xa0\x40", 12);
  const std::string eights("\x00\x38\x40\x44\x48\x4a", 6);  // of E4M3
  const auto typed = [](const std::string& name, std::uint64_t type, const std::string& data) {
    return bytes(1, varint(2) + varint(3)) + number(2, type) + bytes(8, name) + data;
  };
  folder.write(
      "m/net.onnx",
      model({weight(bytes(9, floats(6)), "a.raw"), weight(bytes(4, floats(6)), "b.list"),
             typed("c.double", 11, bytes(10, doubles)), typed("d.half", 10, bytes(9, halves)),
             typed("e.brain", 16, bytes(9, brains)), typed("f.eight", 17, bytes(9, eights)),
             outside("net.data", fact("offset", "4") + fact("length", "24"))}));
  folder.write("m/net.data", "head" + floats(6));
  const Catalogue catalogue = open_checkpoint(folder / "m");
  CHECK(catalogue.format == "onnx");
  REQUIRE(catalogue.tensors.size() == 7);
  REQUIRE(catalogue.files.size() == 2);
  CHECK(catalogue.files[1].name == "net.data");
  const std::array dtypes{Dtype::f32,  Dtype::f32,     Dtype::f64, Dtype::f16,
                          Dtype::bf16, Dtype::f8_e4m3, Dtype::f32};
  for (std::size_t i = 0; i < dtypes.size(); ++i) {
    CAPTURE(catalogue.tensors[i].name);
    CHECK(catalogue.tensors[i].shape == std::vector<std::int64_t>{2, 3});
    CHECK(catalogue.tensors[i].dtype == dtypes[i]);
    CHECK(values(catalogue, i) == kNumbers);
  }
  CHECK(catalogue.warnings.empty());
}

TEST_CASE("data files inside the folder are opened once", "[checkpoint][onnx]") {
  const TempFolder folder;
  const auto at = [](const std::string& name, const std::string& file, const char* offset) {
    return dims({2, 3}) + number(2, kFloat) + bytes(8, name) + number(14, 1) +
           fact("location", file) + fact("offset", offset);
  };
  folder.write("net.onnx", model({at("a", "d/x", "0"), at("b", "d/y", "0"), at("c", "d/x", "24")}));
  folder.write("d/x", floats(12));
  folder.write("d/y", floats(6));
  const Catalogue catalogue = open_checkpoint(folder / "net.onnx");
  REQUIRE(catalogue.files.size() == 3);
  CHECK(values(catalogue, 0) == kNumbers);
  CHECK(values(catalogue, 1) == kNumbers);
  CHECK(values(catalogue, 2) == std::vector<double>{6, 7, 8, 9, 10, 11});
}

TEST_CASE("floats whose bits are stored as varints", "[checkpoint][onnx]") {
  const TempFolder folder;
  const auto typed = [](const std::string& name, std::uint64_t type,
                        const std::vector<std::uint64_t>& bits) {
    return dims({2, 3}) + number(2, type) + bytes(8, name) + bytes(5, varints(bits));
  };
  // Numbers of one, two and three bytes: 0, 2^-24, 1.99..., 1, -0, -2 of float16.
  folder.write("net.onnx", model({typed("a", kHalf, {0, 1, 0x3fff, 0x3c00, 0x8000, 0xc000}),
                                  typed("b", 16, {0, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0}),
                                  typed("c", 17, {0, 0x38, 0x40, 0x44, 0x48, 0xca}),
                                  dims({0, 3}) + number(2, kHalf) + bytes(8, "d") + bytes(5, "")}));
  const Catalogue catalogue = open_checkpoint(folder / "net.onnx");
  REQUIRE(catalogue.tensors.size() == 4);
  const std::vector<double> halves = values(catalogue, 0);
  CHECK(halves == std::vector<double>{0, 0x1p-24, 2 - 0x1p-10, 1, 0, -2});
  CHECK(std::signbit(halves[4]));
  CHECK(values(catalogue, 1) == kNumbers);
  CHECK(values(catalogue, 2) == std::vector<double>{0, 1, 2, 3, 4, -5});
  CHECK(values(catalogue, 3).empty());
  CHECK(storage_text(catalogue.tensors[0]) == "F16 in int32_data");
  CHECK(storage_text(catalogue.tensors[2]) == "F8_E4M3 in int32_data");
}

TEST_CASE("any block of a long list of varints", "[checkpoint][onnx]") {
  constexpr std::int64_t kRows = 40;
  constexpr std::int64_t kCols = 77;  // 3080 elements: four runs, of which rows begin anywhere
  std::vector<std::uint64_t> bits;
  // The upper half of a float32 is a bfloat16. Its varint has as many bytes as its bits need.
  for (std::uint64_t i = 0; i < kRows * kCols; ++i) bits.push_back(i * 21 % 0x4000);
  const auto value = [&](std::int64_t i) {
    return static_cast<double>(
        std::bit_cast<float>(static_cast<std::uint32_t>(bits[static_cast<std::size_t>(i)]) << 16U));
  };
  const TempFolder folder;
  folder.write("net.onnx", model({dims({kRows, kCols}) + number(2, 16) + bytes(8, "w") +
                                      bytes(5, varints(bits)),
                                  weight(bytes(9, floats(6)), "x")}));
  const Catalogue catalogue = open_checkpoint(folder / "net.onnx");
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].numbers.size() == 4);
  FileReader reader(catalogue.root, catalogue.files);
  int compared = 0;
  for (const Block& block : {Block{0, kRows, 0, kCols}, Block{13, 27, 20, 31},
                             Block{39, 40, 76, 77}, Block{13, 14, 22, 24}, Block{0, 40, 5, 6}}) {
    const std::int64_t cols = block.col_end - block.col_begin;
    std::vector<double> out(static_cast<std::size_t>((block.row_end - block.row_begin) * cols));
    reader.read_rectangle(catalogue.tensors[0], block, out);
    for (std::int64_t i = 0; i < std::ssize(out); ++i, ++compared) {
      const std::int64_t at = (block.row_begin + i / cols) * kCols + block.col_begin + i % cols;
      REQUIRE(out[static_cast<std::size_t>(i)] == value(at));
    }
  }
  CHECK(compared > 3000);
  CHECK(values(catalogue, 1) == kNumbers);
}

TEST_CASE("ONNX: lists of numbers that do not fit are refused", "[checkpoint][onnx]") {
  const auto refused = [](std::uint64_t type, const std::vector<std::uint64_t>& bits) {
    return refusal(
        model({dims({2, 3}) + number(2, type) + bytes(8, "w") + bytes(5, varints(bits))}));
  };
  CHECK(refused(kHalf, {0, 1, 2, 3, 4, 5}) == "nothing was thrown");
  CHECK(refused(kHalf, {0, 1, 2, 3, 4}) ==
        "F: initializer 'w', int32_data: expected 6 numbers, found 5");
  CHECK(refused(kHalf, {0, 1, 2, 3, 4, 5, 6}) ==
        "F: initializer 'w', int32_data: expected 6 numbers, found 7");
  CHECK(refused(kHalf, {0, 1, 65536, 3, 4, 5}) ==
        "F: initializer 'w', int32_data: expected numbers of 16 bits, found 65536 as number 2");
  CHECK(refused(kHalf, {~std::uint64_t{0}, 1, 2, 3, 4, 5}) ==
        "F: initializer 'w', int32_data: expected numbers of 16 bits, found 18446744073709551615 "
        "as number 0");
  CHECK(refused(17, {0, 1, 2, 3, 4, 256}) ==
        "F: initializer 'w', int32_data: expected numbers of 8 bits, found 256 as number 5");
  CHECK(
      refusal(model({dims({2, 3}) + number(2, kHalf) + bytes(8, "w") +
                     bytes(5, std::string(6, '\x80'))}))
          .ends_with(
              "runs past the end of its message. The file is damaged or truncated: copy it again"));
  CHECK(refusal(model({dims({std::uint64_t{1} << 40U, 3}) + number(2, kHalf) + bytes(8, "w") +
                       bytes(5, "x")})) ==
        "F: initializer 'w', int32_data: expected 3298534883328 numbers, found 1");
}

TEST_CASE("ONNX: a list of numbers that changed is not read over its end", "[checkpoint][onnx]") {
  const TempFolder folder;
  const auto path = folder.write("net.onnx", model({dims({2, 3}) + number(2, kHalf) +
                                                    bytes(8, "w") + bytes(5, std::string(6, 1))}));
  Catalogue catalogue = open_checkpoint(path);
  REQUIRE(catalogue.tensors.size() == 1);
  catalogue.tensors[0].parts[0].num_elements = 5;  // as if the last one had become longer
  catalogue.tensors[0].parts[0].size_bytes = 5;
  CHECK(
      error_of([&] { static_cast<void>(values(catalogue, 0)); }) ==
      "tensor 'w': changed while it was being read: its variable-length numbers are different now. "
      "Run again when no other program is writing to it");
}

TEST_CASE("what has no entry in the file is left out", "[checkpoint][onnx]") {
  const TempFolder folder;
  const std::string ones(6, '\x01');
  const auto typed = [](const std::string& name, std::uint64_t type, const std::string& data) {
    return dims({2, 3}) + number(2, type) + bytes(8, name) + data;
  };
  const OnnxFile file = read_onnx_file(folder.write(
      "m.onnx", model({typed("ints", 7, bytes(7, ones)), typed("shorts", 5, bytes(5, ones)),
                       typed("texts", 8, bytes(6, "x")), typed("nibbles", 22, bytes(9, "abc")),
                       weight(bytes(4, floats(3)) + bytes(4, floats(3)), "pieces"),
                       weight(bytes(9, floats(6)) + bytes(3, ""), "segments")})));
  CHECK(file.tensors.empty());
  std::vector<std::string> found;
  for (const LeftOut& one : file.left_out) {
    CHECK(one.reason == "encoding-not-read");
    found.push_back(one.tensor.name + ", " + one.tensor.stored_as + ": " + one.detail);
  }
  const std::string varying =
      ": its elements are variable-length numbers (varints). Save them as raw_data, as "
      "onnx.numpy_helper.from_array does";
  CHECK(found == std::vector<std::string>{
                     "ints, ONNX INT64" + varying, "shorts, ONNX INT16" + varying,
                     "texts, ONNX STRING: elements of STRING are not supported",
                     "nibbles, ONNX INT4: codes of INT4 that no DequantizeLinear reads",
                     "pieces, ONNX FLOAT" + varying,
                     "segments, ONNX FLOAT: it is stored in segments, which is not supported"});
}

TEST_CASE("ONNX: what is refused", "[checkpoint][onnx]") {
  const std::string raw = bytes(9, floats(6));
  CHECK(refusal("") == "F: expected an ONNX model with a graph, found none");
  CHECK(refusal(model({})) == "F: expected initializers or constants, found none");
  CHECK(refusal(bytes(7, "") + bytes(7, "")) == "F: expected one graph, found another");
  CHECK(refusal("<!DOCTYPE html>").starts_with("F: expected a field at byte 0, found wire type 4"));
  CHECK(refusal("\x3a") ==
        "F: a number at byte 1 runs past the end of its message. The file is damaged or truncated: "
        "copy it again");
  CHECK(refusal("\x3a\x05xx") ==
        "F: a field at byte 0 needs 5 bytes, its message has only 2 more. The file is damaged or "
        "truncated: copy it again");
  CHECK(refusal("\x3a" + varint(~std::uint64_t{0})) ==
        "F: a field at byte 0 needs 18446744073709551615 bytes, its message has only 0 more. The "
        "file is damaged or truncated: copy it again");
  CHECK(refusal("\x08" + std::string(9, '\xff') + "\x02") ==
        "F: the number at byte 1 has more than 64 bits");
  CHECK(refusal(model({weight(raw, "")})) ==
        "F: initializer '': expected a non-empty name without NUL");
  CHECK(refusal(model({weight(raw), weight(raw)})) == "F: initializer 'w': appears twice");
  CHECK(refusal(model({weight(raw + raw)})) ==
        "F: initializer 'w': expected raw_data once, found it twice");
  CHECK(refusal(model({weight(bytes(9, floats(5)))})) ==
        "F: initializer 'w': expected 24 bytes of F32 for shape 2 x 3, found 20");
  CHECK(refusal(model({weight("")})) ==
        "F: initializer 'w': expected 24 bytes of F32 for shape 2 x 3, found 0");
  const auto shaped = [&](const std::vector<std::uint64_t>& sizes) {
    return refusal(model({bytes(8, "w") + dims(sizes) + number(2, kFloat) + raw}));
  };
  CHECK(shaped({~std::uint64_t{0}}) ==
        "F: initializer 'w': expected at most 64 dimensions, none of them negative");
  CHECK(shaped(std::vector<std::uint64_t>(65, 1)) ==
        "F: initializer 'w': expected at most 64 dimensions, none of them negative");
  CHECK(shaped({std::uint64_t{1} << 62U, 4}) ==
        "F: initializer 'w': shape 4611686018427387904 x 4 is too large");
}

TEST_CASE("ONNX: data files outside the folder are not opened", "[checkpoint][onnx]") {
  const TempFolder folder;
  folder.write("secret", floats(6));
  const auto refused = [&](const std::string& initializer) {
    const auto path = folder.write("m/net.onnx", model({initializer}));
    std::string text = error_of([&] { static_cast<void>(read_onnx_file(path)); });
    if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
    return text;
  };
  for (const std::string& location :
       {std::string("../secret"), (folder / "secret").string(), std::string("x/../../secret"),
        std::string("./net.onnx"), std::string("..\\secret"), std::string()}) {
    CAPTURE(location);
    CHECK(refused(outside(location))
              .starts_with("F: initializer 'w': expected a data file inside the folder, found '"));
  }
  CHECK(refused(outside("none")) ==
        (folder / "m/none").string() + ": cannot be opened: No such file or directory");
  folder.write("m/data", floats(6));
  CHECK(refused(outside("data")) == "nothing was thrown");
  CHECK(refused(outside("data", fact("offset", "4"))) ==
        "F: initializer 'w': expected 24 bytes at byte 4 of 'data', which has 24. Copy it again");
  CHECK(refused(outside("data", fact("offset", "9223372036854775807"))) ==
        "F: initializer 'w': expected 24 bytes at byte 9223372036854775807 of 'data', which has "
        "24. Copy it again");
  CHECK(refused(outside("data", fact("length", "25"))) ==
        "F: initializer 'w': expected 24 bytes of F32 for shape 2 x 3, found 25");
  for (const char* text : {"-1", "x", "", "1x", "9223372036854775808"}) {
    CHECK(refused(outside("data", fact("offset", text))) ==
          "F: initializer 'w': expected a whole number as the offset of its data, found '" +
              std::string(text) + "'");
  }
}

TEST_CASE("ONNX: any byte may be wrong, and the file may end anywhere", "[checkpoint][onnx]") {
  const TempFolder folder;
  const std::string whole = model({weight(bytes(9, floats(6)), "a"), weight(bytes(4, floats(6))),
                                   dims({2, 2}) + number(2, kHalf) + bytes(8, "h") +
                                       bytes(5, varints({1, 0x3c00, 0x8000, 2}))});
  int refused = 0;
  const auto attempt = [&](const std::string& content) {
    const auto path = folder.write("m.onnx", content);
    try {
      const OnnxFile file = read_onnx_file(path);
      FileReader reader(folder.path(), {file.source});
      for (const Tensor& tensor : file.tensors) {
        if (!has_weights(tensor)) continue;
        std::vector<double> all(static_cast<std::size_t>(tensor.num_elements));
        reader.read_elements(tensor, 0, all);
      }
    } catch (const Error& error) {
      REQUIRE(error.blame() == Blame::input);
      ++refused;
    }
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    attempt(whole.substr(0, at));
    for (const int bit : {1, 2, 4, 128}) {
      std::string content = whole;
      content[at] = static_cast<char>(content[at] ^ bit);
      attempt(content);
    }
  }
  CHECK(refused > 200);
}

namespace {

/// A NodeProto. Attributes are made by the functions below.
std::string node(const std::string& op, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs, const std::string& attributes = "",
                 const std::string& name = "") {
  std::string text;
  for (const std::string& one : inputs) text += bytes(1, one);
  for (const std::string& one : outputs) text += bytes(2, one);
  return text + bytes(3, name) + bytes(4, op) + attributes;
}

std::string integer_attribute(const std::string& name, std::int64_t value) {
  return bytes(5, bytes(1, name) + number(3, static_cast<std::uint64_t>(value)) + number(20, 2));
}

std::string tensor_attribute(const std::string& tensor) {
  return bytes(5, bytes(1, "value") + bytes(5, tensor) + number(20, 4));
}

std::string typed_tensor(const std::string& name, std::uint64_t type,
                         const std::vector<std::uint64_t>& shape, const std::string& data) {
  return dims(shape) + number(2, type) + bytes(8, name) + bytes(9, data);
}

std::string float_tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                         const std::vector<float>& values) {
  std::string data;
  for (const float value : values) data += little(value);
  return typed_tensor(name, kFloat, shape, data);
}

std::string graph_of(const std::vector<std::string>& nodes,
                     const std::vector<std::string>& initializers) {
  std::string graph;
  for (const std::string& one : nodes) graph += bytes(1, one);
  for (const std::string& one : initializers) graph += bytes(5, one);
  return graph;
}

std::string model_of(const std::vector<std::string>& nodes,
                     const std::vector<std::string>& initializers) {
  return number(1, 8) + bytes(7, graph_of(nodes, initializers));
}

/// Codes of some bits as bytes, the lowest bits first, without padding.
std::string packed(const std::vector<int>& codes, int bits) {
  std::string data((codes.size() * static_cast<std::size_t>(bits) + 7) / 8, '\0');
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t bit = i * static_cast<std::size_t>(bits);
    const int code = codes[i] & ((1 << bits) - 1);
    data[bit / 8] = static_cast<char>(data[bit / 8] | (code << (bit % 8)));
  }
  return data;
}

Catalogue opened(const TempFolder& folder, const std::string& content) {
  return open_checkpoint(folder.write("m.onnx", content));
}

/// The only tensor of a model, read whole and in blocks.
std::vector<double> only(const std::string& content, std::vector<std::int64_t> shape,
                         const std::string& stored_as, const std::string& name = "w") {
  const TempFolder folder;
  const Catalogue catalogue = opened(folder, content);
  REQUIRE(catalogue.tensors.size() == 1);
  const Tensor& tensor = catalogue.tensors[0];
  CHECK(tensor.name == name);
  CHECK(tensor.shape == shape);
  CHECK(storage_text(tensor) == stored_as);
  FileReader reader(catalogue.root, catalogue.files);
  const std::int64_t width = row_length(tensor);
  const std::int64_t height = tensor.num_elements / width;
  std::vector<double> all(static_cast<std::size_t>(tensor.num_elements));
  reader.read_rectangle(tensor, {0, height, 0, width}, all);
  for (std::int64_t row = 0; row < height; ++row) {  // any block agrees with the whole
    const std::int64_t col = (row * 7) % width;
    std::vector<double> part(static_cast<std::size_t>(width - col));
    reader.read_rectangle(tensor, {row, row + 1, col, width}, part);
    CHECK(std::equal(part.begin(), part.end(), all.begin() + row * width + col));
  }
  return all;
}

}  // namespace

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
  folder.write("config.json", R"({"model_type": "llama"})");
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
