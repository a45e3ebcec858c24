#pragma once

/// @file
/// The one-dimensional dataset that every table and series is stored in.

#include <cstddef>
#include <cstdint>
#include <string>

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// Size of a chunk in memory. Small enough that one spectrum is read without its neighbours, large
/// enough that deflate and the chunk index cost little.
inline constexpr std::int64_t kChunkBytes = std::int64_t{256} << 10U;

/// A dataset and what its header says of it.
struct Dataset {
  Place place;
  Handle dataset;
  Handle type;  ///< of an element, as stored
  Handle space;
  std::int64_t count = 0;
  std::int64_t chunk_count = 0;  ///< elements of a chunk; 0 if it is not chunked
};

/// Makes the dataset `path` of `count` elements of `type`, chunked, shuffled, deflated, and with a
/// Fletcher-32 checksum on what is then stored.
[[nodiscard]] Dataset create_dataset(const Place& file, hid_t location, const std::string& path,
                                     Handle type, std::int64_t count);

/// Opens the dataset `path`. Its sizes are checked against each other, against a limit and against
/// the bytes that are really stored, so that the caller may allocate `count` elements.
/// @throws Error with Blame::input if it is missing or its sizes cannot be true
[[nodiscard]] Dataset open_dataset(const Place& file, hid_t location, const std::string& path);

/// Elements [first, first + count) of a dataset, as a selection.
struct Slab {
  Handle memory;  ///< of `count` elements, all of them
  Handle stored;
};
[[nodiscard]] Slab slab(const Dataset& dataset, std::int64_t first, std::int64_t count);

}  // namespace wishart::archive
