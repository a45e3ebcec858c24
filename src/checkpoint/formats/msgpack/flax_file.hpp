#pragma once

/// @file
/// Flax: arrays in nested dicts, as MessagePack.

#include <filesystem>
#include <string>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct FlaxFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< `file` is 0
  std::vector<LeftOut> left_out;  ///< arrays with unsupported elements
  std::int64_t step = -1;
};

/// Reads the names and places of the arrays of a file. An array is named by its keys, joined by
/// dots, without a leading `params`. The state of the optimizer is skipped.
/// @throws Error with Blame::input that names the file and the array
[[nodiscard]] FlaxFile read_flax_file(const std::filesystem::path& file);

/// The name of the array that an index calls `params/dense/kernel`: `dense.kernel`.
[[nodiscard]] std::string flax_name(std::string path);

/// Flax.
[[nodiscard]] const Format& flax_format();

}  // namespace wishart::checkpoint
