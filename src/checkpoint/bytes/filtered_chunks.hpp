#pragma once

/// @file
/// Chunks of HDF5 that stand behind filters, as they were before.

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

/// A chunk is inflated as a whole, so one of more bytes is not read.
inline constexpr std::int64_t kMaxFilteredChunkBytes = std::int64_t{64} << 20U;

/// Inflates chunks whole, and holds some of them: rows are mostly asked for one behind the other.
class FilteredChunks {
public:
  /// What is held of chunks that were read before the last one.
  static constexpr std::int64_t kHeldBytes = std::int64_t{16} << 20U;

  /// The bytes of a chunk of the file with this number. They stay until the next call.
  /// @throws Error with Blame::input if they are damaged, or more or fewer than announced
  [[nodiscard]] std::span<const std::byte> read(const InputFile& file, std::int32_t number,
                                                const FilteredChunk& chunk);
  [[nodiscard]] std::int64_t held_bytes() const noexcept { return held_bytes_; }

private:
  /// The number of the file, and all that a chunk is: others may announce the same bytes.
  using Key =
      std::tuple<std::int32_t, std::int64_t, std::int64_t, std::int64_t, bool, std::int64_t>;

  std::map<Key, std::vector<std::byte>> held_;
  std::deque<Key> order_;  // the oldest first
  std::int64_t held_bytes_ = 0;
};

}  // namespace wishart::checkpoint
