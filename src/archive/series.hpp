#pragma once

/// @file
/// Long one-dimensional arrays of numbers.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "content_hashes.hpp"
#include "dataset.hpp"
#include "hdf5_handle.hpp"

namespace wishart::archive {

/// Writes the concatenation of `parts` (called with 0, 1, ... `num_parts` - 1) as the dataset
/// `path`, chunk by chunk, so that the whole is never in memory twice. Its hash goes into `hashes`.
void write_series(const Place& file, hid_t location, const std::string& path,
                  std::int64_t num_parts,
                  const std::function<std::span<const double>(std::int64_t)>& parts,
                  ContentHashes& hashes);
void write_series(const Place& file, hid_t location, const std::string& path,
                  std::int64_t num_parts,
                  const std::function<std::span<const std::int64_t>(std::int64_t)>& parts,
                  ContentHashes& hashes);

/// Reads the dataset `path`. `check` learns if it is not as written; it may be null.
/// @throws Error with Blame::input if it is missing, damaged or not numbers of that kind
[[nodiscard]] std::vector<double> read_reals(const Place& file, hid_t location,
                                             const std::string& path, ContentCheck* check);
[[nodiscard]] std::vector<std::int64_t> read_integers(const Place& file, hid_t location,
                                                      const std::string& path, ContentCheck* check);

/// Elements [first, first + count) of a dataset of doubles; of the file only their chunks.
/// @pre they are in it
[[nodiscard]] std::vector<double> read_reals(const Dataset& dataset, std::int64_t first,
                                             std::int64_t count);

}  // namespace wishart::archive
