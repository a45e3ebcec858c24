#pragma once

/// @file
/// Links of large HDF5 groups: messages in a fractal heap, found by a B-tree of version 2.

#include <cstdint>
#include <functional>
#include <string>

#include "formats/hdf5/h5_header.hpp"

namespace wishart::checkpoint {

/// Calls `link(message)` with the content of each link message of a group, in the order of the
/// hashes of their names.
/// @param heap  address of the fractal heap
/// @param names  address of the B-tree of the names
/// @throws Error with Blame::input
void visit_dense_links(Hdf5Bytes& file, std::uint64_t heap, std::uint64_t names,
                       const std::function<void(const std::string&)>& link);

}  // namespace wishart::checkpoint
