#pragma once

/// @file
/// The groups and datasets of an HDF5 file: names, shapes, and where the bytes are.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

#include "bytes/zip_directory.hpp"

namespace wishart::checkpoint {

/// A dataset, named by its path from the root without a leading slash.
struct Hdf5Dataset {
  std::string path;
  std::vector<std::int64_t> shape;
  std::optional<Dtype> dtype;  ///< nothing: an unsupported element type
  std::int64_t offset_bytes = 0;
  std::int64_t size_bytes = 0;
  std::vector<Extent> extents;  ///< for a chunked dataset
  std::string problem;          ///< why its elements cannot be read in place; empty if they can
};

struct Hdf5Tree {
  std::vector<Hdf5Dataset> datasets;  ///< in the order of the groups
  std::string hash;                   ///< XXH3-128 of everything read from the file
};

/// Walks the groups of an HDF5 file that is a slice of a file. We have our own reader because the
/// HDF5 library is not designed for untrusted files. It checks that every address and length is
/// inside the slice, and visits each object once.
/// @throws Error with Blame::input that begins with `place`
[[nodiscard]] Hdf5Tree read_hdf5_tree(const InputFile& file, ByteRange slice,
                                      const std::string& place);

/// True if the header of the root group holds an attribute of this name.
/// @throws Error as read_hdf5_tree
[[nodiscard]] bool has_root_attribute(const InputFile& file, ByteRange slice,
                                      const std::string& place, std::string_view name);

}  // namespace wishart::checkpoint
