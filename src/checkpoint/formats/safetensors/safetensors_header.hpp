#pragma once

/// @file
/// The header of a safetensors file: which tensors it has and where their bytes are.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/record/tensor.hpp"

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// Names the shards of a checkpoint in a folder (weight_index.hpp).
inline constexpr std::string_view kIndexName = "model.safetensors.index.json";

/// Files with a larger header are refused, as by the reference implementation (safetensors,
/// tensor.rs, MAX_HEADER_SIZE).
inline constexpr std::int64_t kMaxHeaderBytes = 100'000'000;

struct SafetensorsHeader {
  std::vector<Tensor> tensors;  ///< in the order of their bytes; `file` is 0
  std::vector<std::pair<std::string, std::string>> metadata;  ///< in the order of the header
};

/// Reads and checks the JSON text of a header, which is at byte 8 of `file`.
///
/// The checks are those of the reference implementation, and in addition names must be unique.
/// Tensors must tile the bytes after the header, up to the end of the file, without gaps or
/// overlaps, and the length of each must match its dtype and shape.
/// @throws Error with Blame::input that names the file and the tensor
[[nodiscard]] SafetensorsHeader parse_safetensors_header(std::string_view json,
                                                         std::int64_t file_bytes,
                                                         const std::filesystem::path& file);

struct SafetensorsFile {
  SourceFile source;  ///< named by its last path component
  SafetensorsHeader header;
};

/// Reads the header of a file. The data are not read.
/// @throws Error with Blame::input
[[nodiscard]] SafetensorsFile read_safetensors_file(const std::filesystem::path& file);

/// safetensors.
[[nodiscard]] const Format& safetensors_format();

}  // namespace wishart::checkpoint
