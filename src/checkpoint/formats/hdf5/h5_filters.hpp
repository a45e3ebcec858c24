#pragma once

/// @file
/// HDF5 filters of the chunks of a dataset. Supported are deflate and shuffle.

#include <cstdint>
#include <string>

#include "formats/hdf5/h5_header.hpp"

namespace wishart::checkpoint {

/// The filters that were applied when chunks were written: none, shuffle, deflate, or shuffle and
/// then deflate. The mask of a chunk may skip some of them.
struct Hdf5Filters {
  int shuffle_bit = -1;  ///< -1: no such filter
  int deflate_bit = -1;
  std::string problem;  ///< why the chunks cannot be read; empty if they can

  [[nodiscard]] bool shuffles(std::uint64_t mask) const noexcept {
    return shuffle_bit >= 0 && (mask >> shuffle_bit & 1U) == 0;
  }
  [[nodiscard]] bool deflates(std::uint64_t mask) const noexcept {
    return deflate_bit >= 0 && (mask >> deflate_bit & 1U) == 0;
  }
};

/// Reads a filter pipeline message of version 1 or 2.
/// @param element_bytes  of the dataset; shuffle must agree
/// @throws Error with Blame::input if it is damaged
[[nodiscard]] Hdf5Filters hdf5_filters(const Hdf5Message& message, const Hdf5Bytes& file,
                                       std::int64_t element_bytes, const std::string& path);

}  // namespace wishart::checkpoint
