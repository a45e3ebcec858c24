#pragma once

/// @file
/// Internal: what the comparison of two matrices is computed from.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "panels.hpp"

namespace wishart::spectrum {

/// Sums over the long side of two views.
struct Sums {
  std::int64_t m = 0;      ///< short side
  std::int64_t n = 0;      ///< long side
  Slice columns;           ///< this rank's columns of the m x m matrices, once they are distributed
  std::span<double> own;   ///< X^T X of a tall view, X X^T of a wide one
  std::span<double> base;  ///< the same of the base
  std::span<double> cross;      ///< X^T Y of tall views, else empty
  std::vector<double> row_sum;  ///< for tall views: the sum of the rows
  std::vector<double> base_row_sum;
};

/// Columns of a matrix with m rows, column-major.
[[nodiscard]] inline std::span<double> columns_of(std::span<double> matrix, std::int64_t m,
                                                  Slice columns) {
  return matrix.subspan(static_cast<std::size_t>(columns.begin * m),
                        static_cast<std::size_t>(columns.size() * m));
}

}  // namespace wishart::spectrum
