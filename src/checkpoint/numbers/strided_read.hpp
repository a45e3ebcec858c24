#pragma once

/// @file
/// Copies elements at regular distances in a file to elements at regular distances in memory.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// One dimension: `count` steps of `stride` elements in the file and `out_stride` in the output.
struct Axis {
  std::int64_t count = 0;
  std::int64_t stride = 0;
  std::int64_t out_stride = 0;
};

/// Bytes read at a time when gaps between elements are read too.
inline constexpr std::int64_t kReadBytes = std::int64_t{1} << 20;

/// Memory that a reader reuses: the float64 values of at most kReadBytes.
using ReadScratch = std::vector<double>;

/// Fills the output with bytes from an offset on.
using ReadBytes = std::function<void(std::int64_t offset_bytes, std::span<std::byte> out)>;

/// Reads the elements at `offset_bytes` + (sum of index * stride) elements, for every index of the
/// axes, into `out`. Gaps are read too where that is cheaper than another call.
///
/// @pre the axes stay inside the file and the output; strides are not negative
/// @throws what `read` throws
void read_strided(const ReadBytes& read, Dtype dtype, std::int64_t offset_bytes,
                  std::vector<Axis> axes, double* out, ReadScratch& scratch);

/// The same for bytes, which are not converted. The axes count bytes.
void read_strided_bytes(const ReadBytes& read, std::int64_t offset_bytes, std::vector<Axis> axes,
                        std::byte* out);

}  // namespace wishart::checkpoint
