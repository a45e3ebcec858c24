#pragma once

/// @file
/// Elements of a file that stand at regular distances, to elements of memory that do.

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

/// Bytes read at once where what lies between elements is read too.
inline constexpr std::int64_t kReadBytes = std::int64_t{1} << 20;

/// Memory that one reader uses again and again: the float64 values of at most kReadBytes.
using ReadScratch = std::vector<double>;

/// Fills the bytes with those from an offset on.
using ReadBytes = std::function<void(std::int64_t offset_bytes, std::span<std::byte> out)>;

/// Reads the elements at `offset_bytes` + (sum of index * stride) elements, for every index of the
/// axes, into `out`. What lies between them is read too where that is cheaper than another call.
///
/// @pre the axes stay in the file and in the output; strides are not negative
/// @throws what `read` throws
void read_strided(const ReadBytes& read, Dtype dtype, std::int64_t offset_bytes,
                  std::vector<Axis> axes, double* out, ReadScratch& scratch);

}  // namespace wishart::checkpoint
