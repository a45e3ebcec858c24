#pragma once

/// @file
/// The source of numbers of the spectrum module, which opens no files itself.

#include <cstdint>
#include <span>

namespace wishart::spectrum {

/// The elements of one matrix. Each rank of a team has its own.
class ElementSource {
public:
  virtual ~ElementSource() = default;

  /// Fills `out` with rows [row_begin, row_end) and columns [col_begin, col_end) of a view,
  /// row-major.
  /// @throws Error with Blame::input
  virtual void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end,
                    std::int64_t col_begin, std::int64_t col_end, std::span<double> out) = 0;

  /// A number of which all elements are multiples, by floats that are shorter than they are. Only
  /// speed depends on it.
  /// @throws Error with Blame::input
  [[nodiscard]] virtual double unit() { return 1.0; }
};

}  // namespace wishart::spectrum
