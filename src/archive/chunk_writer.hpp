#pragma once

/// @file
/// Writes a dataset chunk by chunk.

#include <cstddef>
#include <span>
#include <vector>

#include "wishart/archive/chunk_filter.hpp"

#include "dataset.hpp"

namespace wishart::archive {

/// Takes the elements of a dataset in order, and writes its chunks, filtered by `filter`.
class ChunkWriter {
public:
  /// Both must outlive this.
  ChunkWriter(const Dataset& dataset, const ChunkFilter& filter);

  /// Whole elements, as stored.
  void add(std::span<const std::byte> elements);
  /// Writes what is left. All elements of the dataset must have been added.
  void finish();

private:
  void write();

  const Dataset& dataset_;
  const ChunkFilter& filter_;
  std::size_t element_bytes_;
  std::size_t chunk_bytes_;
  std::vector<RawChunk> chunks_;  ///< full but for the last
  std::int64_t written_ = 0;      ///< elements
};

}  // namespace wishart::archive
