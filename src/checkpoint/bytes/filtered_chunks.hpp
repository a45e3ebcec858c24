#pragma once

/// @file
/// HDF5 chunks stored through filters, restored to their original bytes.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// A chunk is decompressed as a whole, so larger chunks are not supported.
inline constexpr std::int64_t kMaxFilteredChunkBytes = std::int64_t{64} << 20U;

/// Decompresses whole chunks and caches some of them, because rows are mostly requested in order.
class FilteredChunks {
public:
  /// The size of the cache for chunks other than the last one read.
  static constexpr std::int64_t kHeldBytes = std::int64_t{16} << 20U;

  /// The bytes of a chunk of the file with this number. They are valid until the next call.
  /// @throws Error with Blame::input if the data are damaged or do not have the declared size
  [[nodiscard]] std::span<const std::byte> read(const InputFile& file, std::int32_t number,
                                                const FilteredChunk& chunk);
  [[nodiscard]] std::int64_t held_bytes() const noexcept { return held_bytes_; }

private:
  /// The number of the file and all properties of the chunk, because other chunks may refer to the
  /// same bytes.
  using Key =
      std::tuple<std::int32_t, std::int64_t, std::int64_t, std::int64_t, bool, std::int64_t>;

  std::map<Key, std::vector<std::byte>> held_;
  std::deque<Key> order_;  // the oldest first
  std::int64_t held_bytes_ = 0;
};

}  // namespace wishart::checkpoint
