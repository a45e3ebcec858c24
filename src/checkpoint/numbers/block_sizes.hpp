#pragma once

/// @file
/// Sizes of blocks, for the readers of encoded tensors.

#include <cstddef>
#include <cstdint>

#include "wishart/checkpoint/element_reader.hpp"

namespace wishart::checkpoint {

/// a / b, rounded up. Does not overflow, as a + b - 1 may if a file gives b. @pre a >= 0, b > 0
[[nodiscard]] constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b == 0 ? 0 : 1);
}

[[nodiscard]] constexpr std::int64_t rows_of(const Block& block) {
  return block.row_end - block.row_begin;
}
[[nodiscard]] constexpr std::int64_t cols_of(const Block& block) {
  return block.col_end - block.col_begin;
}

/// An index that is not negative, as containers take it.
[[nodiscard]] constexpr std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace wishart::checkpoint
