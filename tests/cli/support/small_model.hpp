#pragma once

/// @file
/// A small model whose layers look trained, with one that tests damage, and its scans into one
/// archive.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

namespace wishart::test {

inline constexpr const char* kDamaged = "model.layers.1.mlp.up_proj.weight";

/// Layers of a small model. Each is noise with a few strong directions, as trained layers are.
inline std::vector<TensorToWrite> base_tensors() {
  std::vector<TensorToWrite> tensors;
  std::uint64_t seed = 1;
  for (const char* name : {"model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight",
                           "model.layers.0.self_attn.q_proj.weight", kDamaged}) {
    constexpr std::int64_t rows = 96;
    constexpr std::int64_t cols = 64;
    std::vector<float> values = noise_values(rows * cols, seed++);
    const std::vector<float> left = noise_values(rows * 12, seed++);
    const std::vector<float> right = noise_values(cols * 12, seed++);
    for (std::int64_t k = 0; k < 12; ++k) {
      const float weight = 2.5F / std::sqrt(std::sqrt(static_cast<float>(k + 1)));
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < cols; ++j) {
          values[static_cast<std::size_t>(i * cols + j)] +=
              weight * left[static_cast<std::size_t>(k * rows + i)] *
              right[static_cast<std::size_t>(k * cols + j)];
        }
      }
    }
    tensors.push_back({name, {rows, cols}, values});
  }
  return tensors;
}

/// The values of the tensor that damage is planted in.
inline std::vector<float>& damaged_values(std::vector<TensorToWrite>& tensors) {
  return tensors.back().values;
}

/// Scans `tensors` into `archive` under `id`.
inline void scan(const TempFolder& temp, const std::string& id,
                 const std::vector<TensorToWrite>& tensors) {
  write_bytes(temp / id / "model.safetensors", safetensors_bytes(tensors));
  const Outcome outcome = run_wishart({"scan", (temp / id).string(), "--archive",
                                       (temp / "archive").string(), "--progress", "none"});
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
}

}  // namespace wishart::test
