#pragma once

/// @file
/// Files of GGUF (llama.cpp): facts, then a list of tensors, then their blocks.

#include <filesystem>
#include <string>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct GgufFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< in the order of the file; `file` is 0
  std::vector<LeftOut> left_out;  ///< of types that are not read
  ModelConfig config;             ///< what the facts tell
};

/// Reads facts and list of a file of version 2 or 3; the blocks are not touched.
/// @throws Error with Blame::input that names the file and the tensor
[[nodiscard]] GgufFile read_gguf_file(const std::filesystem::path& file);

/// GGUF of llama.cpp.
[[nodiscard]] const Format& gguf_format();

}  // namespace wishart::checkpoint
