#pragma once

/// @file
/// ONNX models for tests, written byte by byte, and what is read from them.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/onnx/onnx_file.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

namespace wishart::test::onnx {

using checkpoint::Catalogue;
using checkpoint::FileReader;

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7U) bytes += static_cast<char>(128 | (value & 127));
  return bytes + static_cast<char>(value);
}

inline std::string number(std::uint64_t field, std::uint64_t value) {
  return varint(field << 3U) + varint(value);
}

inline std::string bytes(std::uint64_t field, const std::string& value) {
  return varint(field << 3U | 2) + varint(value.size()) + value;
}

inline std::string dims(const std::vector<std::uint64_t>& sizes) {
  std::string text;
  for (const std::uint64_t size : sizes) text += number(1, size);
  return text;
}

inline std::string fact(const std::string& key, const std::string& value) {
  return bytes(13, bytes(1, key) + bytes(2, value));
}

/// A model with these initializers.
inline std::string model(const std::vector<std::string>& initializers) {
  std::string graph = bytes(1, bytes(4, "MatMul")) + bytes(2, "graph");
  for (const std::string& one : initializers) graph += bytes(5, one);
  return number(1, 8) + bytes(2, "writer") + bytes(7, graph) + bytes(8, number(2, 17));
}

inline std::string floats(std::size_t count) {
  std::string data;
  for (std::size_t i = 0; i < count; ++i) data += little(static_cast<float>(i));
  return data;
}

/// A list of varints, as int32_data stores the bits of short floats.
inline std::string varints(const std::vector<std::uint64_t>& numbers) {
  std::string data;
  for (const std::uint64_t one : numbers) data += varint(one);
  return data;
}

inline constexpr std::uint64_t kFloat = 1;
inline constexpr std::uint64_t kHalf = 10;

/// `name`, 2 x 3, FLOAT, and the field with its numbers.
inline std::string weight(const std::string& data, const std::string& name = "w") {
  return dims({2, 3}) + number(2, kFloat) + bytes(8, name) + data;
}

inline std::string outside(const std::string& location, const std::string& more = "") {
  return weight(number(14, 1) + fact("location", location) + more);
}

inline std::string refusal(const std::string& content, const TempFolder& folder) {
  const auto path = folder.write("m.onnx", content);
  std::string text = error_of([&] { static_cast<void>(checkpoint::read_onnx_file(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

inline std::string refusal(const std::string& content) {
  const TempFolder folder;
  return refusal(content, folder);
}

inline std::vector<double> values(const Catalogue& catalogue, std::size_t tensor) {
  std::vector<double> result(static_cast<std::size_t>(catalogue.tensors[tensor].num_elements));
  FileReader(catalogue.root, catalogue.files).read_elements(catalogue.tensors[tensor], 0, result);
  return result;
}

inline const std::vector<double> kNumbers{0, 1, 2, 3, 4, 5};

/// A NodeProto. Attributes are made by the functions below.
inline std::string node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const std::string& attributes = "",
                        const std::string& name = "") {
  std::string text;
  for (const std::string& one : inputs) text += bytes(1, one);
  for (const std::string& one : outputs) text += bytes(2, one);
  return text + bytes(3, name) + bytes(4, op) + attributes;
}

inline std::string integer_attribute(const std::string& name, std::int64_t value) {
  return bytes(5, bytes(1, name) + number(3, static_cast<std::uint64_t>(value)) + number(20, 2));
}

inline std::string tensor_attribute(const std::string& tensor) {
  return bytes(5, bytes(1, "value") + bytes(5, tensor) + number(20, 4));
}

inline std::string typed_tensor(const std::string& name, std::uint64_t type,
                                const std::vector<std::uint64_t>& shape, const std::string& data) {
  return dims(shape) + number(2, type) + bytes(8, name) + bytes(9, data);
}

inline std::string float_tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                                const std::vector<float>& values) {
  std::string data;
  for (const float value : values) data += little(value);
  return typed_tensor(name, kFloat, shape, data);
}

inline std::string graph_of(const std::vector<std::string>& nodes,
                            const std::vector<std::string>& initializers) {
  std::string graph;
  for (const std::string& one : nodes) graph += bytes(1, one);
  for (const std::string& one : initializers) graph += bytes(5, one);
  return graph;
}

inline std::string model_of(const std::vector<std::string>& nodes,
                            const std::vector<std::string>& initializers) {
  return number(1, 8) + bytes(7, graph_of(nodes, initializers));
}

/// Codes of some bits as bytes, the lowest bits first, without padding.
inline std::string packed(const std::vector<int>& codes, int bits) {
  std::string data((codes.size() * static_cast<std::size_t>(bits) + 7) / 8, '\0');
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t bit = i * static_cast<std::size_t>(bits);
    const int code = codes[i] & ((1 << bits) - 1);
    data[bit / 8] = static_cast<char>(data[bit / 8] | (code << (bit % 8)));
  }
  return data;
}

inline Catalogue opened(const TempFolder& folder, const std::string& content) {
  return checkpoint::open_checkpoint(folder.write("m.onnx", content));
}

/// The only tensor of a model, read whole and in blocks.
inline std::vector<double> only(const std::string& content, std::vector<std::int64_t> shape,
                                const std::string& stored_as, const std::string& name = "w") {
  const TempFolder folder;
  const Catalogue catalogue = opened(folder, content);
  REQUIRE(catalogue.tensors.size() == 1);
  const Tensor& tensor = catalogue.tensors[0];
  CHECK(tensor.name == name);
  CHECK(tensor.shape == shape);
  CHECK(storage_text(tensor) == stored_as);
  FileReader reader(catalogue.root, catalogue.files);
  const std::int64_t width = checkpoint::row_length(tensor);
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

}  // namespace wishart::test::onnx
