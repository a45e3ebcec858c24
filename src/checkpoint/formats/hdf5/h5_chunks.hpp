#pragma once

/// @file
/// Chunked HDF5 datasets: where each chunk is.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/tensor.hpp"

#include "formats/hdf5/h5_filters.hpp"
#include "formats/hdf5/h5_header.hpp"

namespace wishart::checkpoint {

/// What is known about a dataset before its chunks are read.
struct Hdf5Shape {
  std::string path;  ///< for messages
  std::vector<std::int64_t> sizes;
  std::int64_t element_bytes = 0;
};

struct Hdf5Chunks {
  std::vector<Extent> extents;  ///< tile the dataset, unless there is a problem
  std::string problem;          ///< why the chunks cannot be read; empty if they can
};

/// Reads the index of the chunks, a B-tree of version 1. Checks that chunks are unique and do not
/// overlap. Each is whole in the file, even if the dataset ends inside it.
/// @param layout  the content of a layout message of version 3 after version and class
/// @throws Error with Blame::input
[[nodiscard]] Hdf5Chunks hdf5_chunks(Hdf5Bytes& file, Hdf5Fields layout, const Hdf5Shape& shape,
                                     const Hdf5Filters& filters);

}  // namespace wishart::checkpoint
