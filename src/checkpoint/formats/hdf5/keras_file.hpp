#pragma once

/// @file
/// Keras weights: HDF5 files, alone or in a `.keras` archive.

#include <filesystem>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct KerasFile {
  SourceFile source;              ///< named by its last path component
  std::vector<Tensor> tensors;    ///< `file` is 0
  std::vector<LeftOut> left_out;  ///< what cannot be read in place
};

/// Reads the names and places of the datasets of a file. A tensor is named by the path of its
/// dataset, joined by dots, without a leading `model_weights` and a trailing `:0`. Optimizer state
/// is skipped.
/// @param shard  it is one of several files, and may have no weights
/// @throws Error with Blame::input
[[nodiscard]] KerasFile read_keras_file(const std::filesystem::path& file, bool shard = false);

/// True if a file is an archive that wishart wrote, HDF5 too. False if it cannot be read as HDF5.
[[nodiscard]] bool is_wishart_archive(const std::filesystem::path& file);

/// Keras.
[[nodiscard]] const Format& keras_format();

}  // namespace wishart::checkpoint
