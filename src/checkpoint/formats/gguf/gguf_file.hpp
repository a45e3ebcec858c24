#pragma once

/// @file
/// GGUF files (llama.cpp): metadata, then a list of tensors, then their blocks.

#include <filesystem>
#include <string>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct GgufFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< in the order of the file; `file` is 0
  std::vector<LeftOut> left_out;  ///< of unsupported types
  ModelConfig config;             ///< from the metadata
};

/// Reads the metadata and the list of tensors of a file of version 2 or 3. The blocks are not read.
/// @throws Error with Blame::input that names the file and the tensor
[[nodiscard]] GgufFile read_gguf_file(const std::filesystem::path& file);

/// GGUF of llama.cpp.
[[nodiscard]] const Format& gguf_format();

}  // namespace wishart::checkpoint
