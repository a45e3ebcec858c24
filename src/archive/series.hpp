#pragma once

/// @file
/// Long one-dimensional arrays of numbers.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "wishart/archive/chunk_filter.hpp"

#include "content_hashes.hpp"
#include "dataset.hpp"
#include "hdf5_handle.hpp"

namespace wishart::archive {

/// Writes the concatenation of `parts` (called with 0, 1, ... `num_parts` - 1) as the dataset
/// `path`, and adds its hash to `hashes`. It is written by chunks, so no second copy is made in
/// memory.
void write_series(const Place& file, hid_t location, const std::string& path,
                  std::int64_t num_parts,
                  const std::function<std::span<const double>(std::int64_t)>& parts,
                  ContentHashes& hashes, const ChunkFilter& filter);
void write_series(const Place& file, hid_t location, const std::string& path,
                  std::int64_t num_parts,
                  const std::function<std::span<const std::int64_t>(std::int64_t)>& parts,
                  ContentHashes& hashes, const ChunkFilter& filter);

/// Reads the dataset `path`. If it is not as written, `check` records it; `check` may be null.
/// @throws Error with Blame::input if it is missing, damaged or has the wrong type
[[nodiscard]] std::vector<double> read_reals(const Place& file, hid_t location,
                                             const std::string& path, ContentCheck* check);
[[nodiscard]] std::vector<std::int64_t> read_integers(const Place& file, hid_t location,
                                                      const std::string& path, ContentCheck* check);

/// Reads elements [first, first + count) of a dataset of doubles, and only their chunks from the
/// file.
/// @pre the dataset has these elements
[[nodiscard]] std::vector<double> read_reals(const Dataset& dataset, std::int64_t first,
                                             std::int64_t count);

}  // namespace wishart::archive
