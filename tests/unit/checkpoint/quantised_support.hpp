#pragma once

/// @file
/// Small quantised checkpoints, and what their weights are by the formulas of docs/formats.md,
/// computed one element at a time.

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/decode.hpp"
#include "wishart/checkpoint/element_reader.hpp"

#include "quantised/schemes.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"
#include "text/json_scanner.hpp"

namespace wishart::test {

using Formula = std::function<double(std::int64_t, std::int64_t)>;

inline double fp4(unsigned code) {
  constexpr double kValues[] = {0, .5, 1, 1.5, 2, 3, 4, 6};
  return (code & 8U) != 0 ? -kValues[code & 7U] : kValues[code & 7U];
}

/// Element `index` of a tensor that is written, by its type.
inline double element(const TensorText& tensor, std::int64_t index) {
  const Dtype dtype = *dtype_from_name(tensor.dtype);
  const auto bytes = static_cast<std::size_t>(dtype_bits(dtype) / 8);
  double value = 0;
  checkpoint::decode(
      dtype,
      std::as_bytes(std::span(tensor.data)).subspan(static_cast<std::size_t>(index) * bytes, bytes),
      {&value, 1});
  return value;
}

/// The same of integers too.
inline double stored_element(const TensorText& tensor, std::int64_t index) {
  const auto as = [&](auto value) {
    std::memcpy(&value, tensor.data.data() + static_cast<std::size_t>(index) * sizeof(value),
                sizeof(value));
    return static_cast<double>(value);
  };
  const Dtype dtype = *dtype_from_name(tensor.dtype);
  if (dtype == Dtype::i8) return as(std::int8_t{});
  if (dtype == Dtype::u8) return as(std::uint8_t{});
  if (dtype == Dtype::i16) return as(std::int16_t{});
  if (dtype == Dtype::i32) return as(std::int32_t{});
  return element(tensor, index);
}

/// Bits [first, first + count) of a row of bytes, lowest first.
inline unsigned bits_at(const std::string& bytes, std::int64_t first, std::int64_t count) {
  unsigned value = 0;
  for (std::int64_t b = 0; b < count; ++b) {
    const auto byte = static_cast<unsigned char>(bytes[static_cast<std::size_t>((first + b) / 8)]);
    value |= ((byte >> ((first + b) % 8)) & 1U) << b;
  }
  return value;
}

/// Random bytes that are finite numbers of every type, and exponents of ordinary size.
inline std::string random_bytes(std::int64_t count, std::mt19937& random) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// Positive numbers of a floating type, exponents or 8-bit floats.
inline std::string scale_bytes(Dtype dtype, std::int64_t count, std::mt19937& random) {
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(1 + random() % 7) / 8.0F;
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (dtype == Dtype::f64) {
      const double wide = value;
      bytes.append(reinterpret_cast<const char*>(&wide), 8);
    } else if (dtype == Dtype::f32) {
      bytes.append(reinterpret_cast<const char*>(&bits), 4);
    } else if (dtype == Dtype::bf16) {
      bytes.append(reinterpret_cast<const char*>(&bits) + 2, 2);
    } else if (dtype == Dtype::f16) {
      const auto half = static_cast<std::uint16_t>(0x2C00U + random() % 0x400U);
      bytes.append(reinterpret_cast<const char*>(&half), 2);
    } else {  // an 8-bit float below 4, or an exponent
      bytes +=
          static_cast<char>(dtype == Dtype::f8_e4m3 ? 0x30 + random() % 16 : 120 + random() % 12);
    }
  }
  return bytes;
}

/// A config.json with these facts of its quantisation.
inline std::string config_of(const std::string& facts) {
  return "{\"quantization_config\":{" + facts + "}}";
}

inline std::string little_floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

/// A checkpoint of one file.
struct Example {
  std::vector<TensorText> tensors;
  std::string config;  ///< of config.json; empty: none
  std::string header;  ///< entries of the header, with their comma
  std::string weight;  ///< the name of the weight
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  Formula value;

  TensorText& at(const std::string& name) {
    for (TensorText& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    throw Error(Blame::bug, "no tensor " + name);
  }
};

inline void write_example(const TempFolder& folder, const Example& example) {
  folder.write("model.safetensors", safetensors_bytes(example.tensors, example.header));
  if (!example.config.empty()) folder.write("config.json", example.config);
}

inline checkpoint::Catalogue opened(const TempFolder& folder, const Example& example,
                                    bool allow_unknown = false) {
  write_example(folder, example);
  checkpoint::OpenOptions options;
  options.allow_unknown = allow_unknown;
  return checkpoint::open_checkpoint(folder.path(), options);
}

/// The refusal, with F for the folder.
inline std::string refusal_of(const Example& example) {
  const TempFolder folder;
  std::string text = error_of([&] { static_cast<void>(opened(folder, example)); });
  if (text.starts_with(folder.path().string())) text.replace(0, folder.path().string().size(), "F");
  return text;
}

/// All elements of the weight, read whole and by pieces.
inline std::vector<double> values_of(const Example& example) {
  const TempFolder folder;
  const checkpoint::Catalogue catalogue = opened(folder, example);
  const auto reader = checkpoint::make_reader(catalogue.root, catalogue.files);
  for (const Tensor& tensor : catalogue.tensors) {
    if (tensor.name != example.weight) continue;
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    reader->read_elements(tensor, 0, values);
    return values;
  }
  throw Error(Blame::input, "no weight " + example.weight);
}

/// The number of elements that are not as the formula says, read whole and as an inner block.
inline std::int64_t wrong_elements(const Example& example) {
  const TempFolder folder;
  const checkpoint::Catalogue catalogue = opened(folder, example);
  if (catalogue.tensors.size() != 1 || catalogue.tensors[0].name != example.weight) return -1;
  const Tensor& tensor = catalogue.tensors[0];
  if (tensor.shape.back() != example.cols || tensor.num_elements != example.rows * example.cols) {
    return -2;
  }
  const auto reader = checkpoint::make_reader(catalogue.root, catalogue.files);
  std::int64_t wrong = 0;
  for (const checkpoint::Block& block :
       {checkpoint::Block{0, example.rows, 0, example.cols},
        checkpoint::Block{1, example.rows - 1, 3, example.cols - 5}}) {
    const std::int64_t cols = block.col_end - block.col_begin;
    std::vector<double> values(static_cast<std::size_t>((block.row_end - block.row_begin) * cols));
    reader->read_rectangle(tensor, block, values);
    for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
      for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
        const double found =
            values[static_cast<std::size_t>((i - block.row_begin) * cols + j - block.col_begin)];
        const double wanted = example.value(i, j);
        // Two roundings at most: of the factor, and of a sum.
        const bool equal = std::abs(found - wanted) <= 1e-14 * (std::abs(wanted) + 1);
        if (!equal) ++wrong;
      }
    }
  }
  return wrong;
}

}  // namespace wishart::test
