#pragma once

/// @file
/// Arrays of NumPy: .npy files, and .npz archives of them.

#include <filesystem>
#include <string>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct NumpyFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< `file` is 0
  std::vector<LeftOut> left_out;  ///< arrays whose elements are not read
};

/// Reads the headers of the arrays of a file. An array of a .npy file is named as the file, one of
/// a .npz archive as its member, both without `.npy`.
/// @throws Error with Blame::input that names the file and the array
[[nodiscard]] NumpyFile read_numpy_file(const std::filesystem::path& file);

/// Arrays of NumPy.
[[nodiscard]] const Format& numpy_format();

}  // namespace wishart::checkpoint
