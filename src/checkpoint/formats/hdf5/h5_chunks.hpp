#pragma once

/// @file
/// Datasets of HDF5 that stand in chunks: where each of them is.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/tensor.hpp"

#include "formats/hdf5/h5_filters.hpp"
#include "formats/hdf5/h5_header.hpp"

namespace wishart::checkpoint {

/// What is known of a dataset before its chunks.
struct Hdf5Shape {
  std::string path;  ///< for messages
  std::vector<std::int64_t> sizes;
  std::int64_t element_bytes = 0;
};

struct Hdf5Chunks {
  std::vector<Extent> extents;  ///< tile the dataset, unless there is a problem
  std::string problem;          ///< why the chunks cannot be read; empty: they can
};

/// Reads the index of the chunks, a B-tree of version 1. None stands twice or over another; each
/// stands whole in the file, also where the dataset ends within it.
/// @param layout  what stands behind version and class in a layout message of version 3
/// @throws Error with Blame::input
[[nodiscard]] Hdf5Chunks hdf5_chunks(Hdf5Bytes& file, Hdf5Fields layout, const Hdf5Shape& shape,
                                     const Hdf5Filters& filters);

}  // namespace wishart::checkpoint
