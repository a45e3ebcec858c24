#pragma once

/// @file
/// Weights of Keras: HDF5 files, alone or in a `.keras` archive.

#include <filesystem>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct KerasFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< `file` is 0
  std::vector<LeftOut> left_out;  ///< what cannot be read in place
};

/// Reads names and places of the datasets of a file. A tensor is named by the path of its dataset,
/// joined by points, without `model_weights` in front and `:0` behind; states of optimizers are
/// passed over.
/// @throws Error with Blame::input
[[nodiscard]] KerasFile read_keras_file(const std::filesystem::path& file);

/// Keras.
[[nodiscard]] const Format& keras_format();

}  // namespace wishart::checkpoint
