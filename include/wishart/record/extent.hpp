#pragma once

/// @file
/// Where pieces of a tensor are in files, and how they are stored there.

#include <cstdint>
#include <vector>

namespace wishart {

/// A range of bytes of a file, compressed with deflate (RFC 1951).
struct Deflated {
  std::int64_t offset_bytes = 0;  ///< of the stored bytes, from the start of the file
  std::int64_t stored_bytes = 0;
  std::int64_t size_bytes = 0;  ///< after decompression
};

/// An HDF5 chunk that was stored through filters.
struct FilteredChunk {
  Deflated range;                   ///< its bytes, stored and unfiltered
  bool deflated = false;            ///< with deflate, in zlib format (RFC 1950)
  std::int64_t shuffled_bytes = 0;  ///< element size of the shuffle filter; 0: not used
};

/// A rectangle of a tensor in a file. Each vector has one number per dimension.
///
/// If the vectors have a single number but the tensor has several dimensions, the extent is a range
/// of the tensor's elements in row-major order.
struct Extent {
  std::vector<std::int64_t> origin;   ///< of the rectangle in the tensor
  std::vector<std::int64_t> size;     ///< of the rectangle
  std::vector<std::int64_t> strides;  ///< in the file, in elements
  std::int32_t file = 0;
  std::int64_t offset_bytes = 0;  ///< of the element at `origin`
  /// If this has a size, the offset counts the chunk's unfiltered bytes.
  FilteredChunk chunk{};
};

template <class F>
void visit_fields(Deflated& v, F&& f) {
  f(v.offset_bytes), f(v.stored_bytes), f(v.size_bytes);
}
template <class F>
void visit_fields(FilteredChunk& v, F&& f) {
  f(v.range), f(v.deflated), f(v.shuffled_bytes);
}
template <class F>
void visit_fields(Extent& v, F&& f) {
  f(v.origin), f(v.size), f(v.strides), f(v.file), f(v.offset_bytes), f(v.chunk);
}
}  // namespace wishart
