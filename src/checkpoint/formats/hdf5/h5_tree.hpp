#pragma once

/// @file
/// The groups and datasets of an HDF5 file: names, shapes, and where the bytes stand.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

#include "bytes/zip_directory.hpp"

namespace wishart::checkpoint {

/// A dataset by its path from the root, without a slash in front.
struct Hdf5Dataset {
  std::string path;
  std::vector<std::int64_t> shape;
  std::optional<Dtype> dtype;  ///< nothing: elements of another type
  std::int64_t offset_bytes = 0;
  std::int64_t size_bytes = 0;
  std::vector<Extent> extents;  ///< of a dataset in chunks
  std::string problem;          ///< why its elements cannot be read in place; empty: they can
};

struct Hdf5Tree {
  std::vector<Hdf5Dataset> datasets;  ///< in the order of the groups
  std::string hash;                   ///< XXH3-128 of what was read of the file
};

/// Walks over the groups of an HDF5 file that is a slice of a file. A reader of its own, since the
/// HDF5 library is not made for files of strangers: every address and length lies in the slice, and
/// each object is visited once.
/// @throws Error with Blame::input that begins with `place`
[[nodiscard]] Hdf5Tree read_hdf5_tree(const InputFile& file, ByteRange slice,
                                      const std::string& place);

}  // namespace wishart::checkpoint
