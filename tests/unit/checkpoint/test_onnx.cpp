/// @file
/// ONNX models: where initializers may store their numbers, and refusals.

#include <array>
#include <bit>
#include <cmath>

#include "onnx_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test::onnx;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::TempFolder;

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

TEST_CASE("integers of at most 32 bits are stored in int32_data too", "[checkpoint][onnx]") {
  const TempFolder folder;
  const auto negative = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const auto listed = [](const std::string& name, std::uint64_t type,
                         const std::vector<std::uint64_t>& numbers) {
    return dims({2, 3}) + number(2, type) + bytes(8, name) + bytes(5, varints(numbers));
  };
  const Catalogue catalogue = opened(
      folder, model({listed("a", 3, {0, 127, negative(-128), negative(-1), 1, 2}),
                     listed("b", 2, {0, 255, 128, 1, 2, 3}),
                     listed("c", 5, {0, 32767, negative(-32768), negative(-2), 1, 2}),
                     listed("d", 6, {0, 0x7fffffff, negative(-2147483648), negative(-3), 1, 2})}));
  REQUIRE(catalogue.tensors.size() == 4);
  CHECK(values(catalogue, 0) == std::vector<double>{0, 127, -128, -1, 1, 2});
  CHECK(values(catalogue, 1) == std::vector<double>{0, 255, 128, 1, 2, 3});
  CHECK(values(catalogue, 2) == std::vector<double>{0, 32767, -32768, -2, 1, 2});
  CHECK(values(catalogue, 3) == std::vector<double>{0, 2147483647, -2147483648, -3, 1, 2});
  CHECK(refusal(model({listed("w", 3, {0, 128, 0, 0, 0, 0})})) ==
        "F: initializer 'w', int32_data: expected numbers of 8 bits, found 128 as number 1");
  CHECK(refusal(model({listed("w", 3, {0, negative(-129), 0, 0, 0, 0})})) ==
        "F: initializer 'w', int32_data: expected numbers of 8 bits, found 18446744073709551487 as "
        "number 1");
  CHECK(refusal(model({listed("w", 2, {0, negative(-1), 0, 0, 0, 0})})) ==
        "F: initializer 'w', int32_data: expected numbers of 8 bits, found 18446744073709551615 as "
        "number 1");
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
      "m.onnx", model({typed("ints", 7, bytes(7, ones)), typed("words", 12, bytes(11, ones)),
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
                     "ints, ONNX INT64" + varying, "words, ONNX UINT32" + varying,
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
