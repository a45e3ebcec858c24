#pragma once

/// @file
/// `model.safetensors.index.json`: which file holds which tensor of a sharded model.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace wishart::checkpoint {

inline constexpr std::int64_t kMaxIndexBytes = std::int64_t{512} << 20;

/// Tensor names by file name; the tensor names of a file are sorted.
using WeightMap = std::map<std::string, std::vector<std::string>>;

/// Reads `weight_map`; everything else in an index is information only.
///
/// A file must have a plain name in the same folder, and no tensor may appear twice.
/// @throws Error with Blame::input that names the index and the tensor
[[nodiscard]] WeightMap read_weight_index(const std::filesystem::path& file);

}  // namespace wishart::checkpoint
