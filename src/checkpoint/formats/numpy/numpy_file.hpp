#pragma once

/// @file
/// NumPy arrays: .npy files, and .npz archives of them.

#include <filesystem>
#include <string>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct NumpyFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< `file` is 0
  std::vector<LeftOut> left_out;  ///< arrays with unsupported elements
};

/// Reads the headers of the arrays of a file. An array is named after its .npy file, or its member
/// of a .npz archive, without `.npy`.
/// @throws Error with Blame::input that names the file and the array
[[nodiscard]] NumpyFile read_numpy_file(const std::filesystem::path& file);

/// Arrays of NumPy.
[[nodiscard]] const Format& numpy_format();

}  // namespace wishart::checkpoint
