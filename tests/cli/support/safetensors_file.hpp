#pragma once

/// @file
/// Writing small safetensors files in tests, good ones and broken ones.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace wishart::test {

struct TensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< written as F32
};

/// The bytes of a safetensors file with these tensors, in this order.
[[nodiscard]] std::string safetensors_bytes(const std::vector<TensorToWrite>& tensors);
/// The bytes of a file with this header text and data.
[[nodiscard]] std::string safetensors_bytes(const std::string& header, const std::string& data);

void write_bytes(const std::filesystem::path& path, const std::string& bytes);

/// Writes `folder/model.safetensors`: layers.0.weight, layers.1.weight, ... of noise.
void write_layers(const std::filesystem::path& folder, int count, std::int64_t rows,
                  std::int64_t cols);

/// `count` values that look random, the same at every call with the same seed, about N(0, 1/16).
[[nodiscard]] std::vector<float> noise_values(std::int64_t count, std::uint64_t seed);

}  // namespace wishart::test
