#pragma once

/// @file
/// One-dimensional datasets, in which all tables and series are stored.

#include <cstddef>
#include <cstdint>
#include <string>

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// Size of a chunk in memory: small enough to read one spectrum without many others, large enough
/// that deflate and the chunk index cost little.
inline constexpr std::int64_t kChunkBytes = std::int64_t{256} << 10U;

/// An open dataset with the data of its header.
struct Dataset {
  Place place;
  Handle dataset;
  Handle type;  ///< of an element, as stored
  Handle space;
  std::int64_t count = 0;
  std::int64_t chunk_count = 0;  ///< elements per chunk; 0 if it is not chunked
};

/// Creates the dataset `path` of `count` elements of `type`: chunked, shuffled, deflated, with a
/// Fletcher-32 checksum over the stored bytes.
[[nodiscard]] Dataset create_dataset(const Place& file, hid_t location, const std::string& path,
                                     Handle type, std::int64_t count);

/// Opens the dataset `path`. Its sizes are checked against each other, against a limit and against
/// the bytes that are stored, so that the caller may safely allocate `count` elements.
/// @throws Error with Blame::input if it is missing or its sizes are not plausible
[[nodiscard]] Dataset open_dataset(const Place& file, hid_t location, const std::string& path);

/// Elements [first, first + count) of a dataset, as a selection.
struct Slab {
  Handle memory;  ///< selects all of an array of `count` elements
  Handle stored;
};
[[nodiscard]] Slab slab(const Dataset& dataset, std::int64_t first, std::int64_t count);

}  // namespace wishart::archive
