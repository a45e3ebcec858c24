#pragma once

/// @file
/// Initializers of ONNX models, in the file or in data files beside it.

#include <filesystem>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct OnnxFile {
  SourceFile source;                   ///< named by its last path component
  std::vector<SourceFile> data_files;  ///< named by their paths below the folder
  std::vector<Tensor> tensors;         ///< `file` 0 is the model, k the k-th data file
  std::vector<LeftOut> left_out;       ///< tensors that cannot be read in place
};

/// Reads the names and places of the initializers of a model's graph.
/// @throws Error with Blame::input that names the file and the tensor
[[nodiscard]] OnnxFile read_onnx_file(const std::filesystem::path& file);

/// Models of ONNX.
[[nodiscard]] const Format& onnx_format();

}  // namespace wishart::checkpoint
