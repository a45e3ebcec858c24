#pragma once

/// @file
/// Where pieces of a tensor stand in files, and how they are stored there.

#include <cstdint>
#include <vector>

namespace wishart {

/// A run of bytes of a file that is compressed by deflate (RFC 1951).
struct Deflated {
  std::int64_t offset_bytes = 0;  ///< of the stored bytes, from the start of the file
  std::int64_t stored_bytes = 0;
  std::int64_t size_bytes = 0;  ///< after inflating
};

/// A chunk of HDF5 that went through filters before it was stored.
struct FilteredChunk {
  Deflated range;                   ///< its bytes, stored and before that
  bool deflated = false;            ///< by deflate, in the form of zlib (RFC 1950)
  std::int64_t shuffled_bytes = 0;  ///< of an element, whose bytes were set apart; 0: they were not
};

/// A rectangle of a tensor in a file: one number for each dimension in each vector.
///
/// With one number for a tensor of several dimensions, it is a piece of the tensor's elements in
/// row-major order.
struct Extent {
  std::vector<std::int64_t> origin;   ///< of the rectangle in the tensor
  std::vector<std::int64_t> size;     ///< of the rectangle
  std::vector<std::int64_t> strides;  ///< in the file, in elements
  std::int32_t file = 0;
  std::int64_t offset_bytes = 0;  ///< of the element at `origin`
  /// If it has a size, the offset counts in the chunk's bytes as they were before the filters.
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
