#pragma once

/// @file
/// What the chunks of a dataset go through on their way into a file. This takes most of the time of
/// writing an archive, and needs nothing but the chunk: other threads or other ranks may do it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace wishart::archive {

/// How strongly chunks are compressed.
inline constexpr int kDeflateLevel = 4;

/// A chunk as it is in memory.
struct RawChunk {
  std::int64_t element_bytes = 1;
  std::vector<std::byte> bytes;
};

template <class F>
void visit_fields(RawChunk& v, F&& f) {
  f(v.element_bytes), f(v.bytes);
}

/// The chunk as HDF5's filters store it: shuffled, deflated, with a Fletcher-32 checksum
/// (HDF5 file format, IV.A.2.l). The same bytes as HDF5 itself would write.
[[nodiscard]] std::vector<std::byte> filtered(const RawChunk& chunk);

/// Who filters the chunks of an archive that is written.
struct ChunkFilter {
  std::size_t at_once = 1;  ///< chunks that are handed over at a time; each takes 256 KiB
  /// The filtered chunks, in the order of the raw ones.
  std::function<std::vector<std::vector<std::byte>>(std::span<const RawChunk>)> run;
};

/// Filters on the calling thread.
[[nodiscard]] ChunkFilter filter_here();

}  // namespace wishart::archive
