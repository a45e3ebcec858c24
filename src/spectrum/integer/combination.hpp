#pragma once

/// @file
/// Internal: integers put together from the products of their bytes, exactly.

#include <array>
#include <cstdint>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/products.hpp"

#include "integer/moduli.hpp"
#include "integer/values.hpp"

namespace wishart::spectrum {

/// A column of a tile: its products for each byte of an integer, and where the sums go.
struct TileColumn {
  const std::int32_t* products = nullptr;  ///< of the first bytes
  std::int64_t between = 0;                ///< from one byte to the next
  const double* units = nullptr;           ///< of the rows
  double unit = 0;                         ///< of the column
  std::int64_t rows = 0;
  double* out = nullptr;
};

/// Puts integers together. All operations are exact, unless an integer has more than 53 bits.
class Combination {
public:
  /// @pre a form of integer_form, for panels of at most kIntegerDepth
  Combination(IntegerForm form, InstructionSet isa);

  /// Writes the integers of a column, times the units of its row and column.
  void run(const TileColumn& column) const;
  /// out[i] += sums[i]
  void add(const double* sums, std::int64_t count, double* out) const;
  /// sums[i] += factor x[i stride]
  void add_multiple(double factor, const float* x, std::int64_t stride, std::int64_t count,
                    double* sums) const;
  /// The values of `count` integers that are not kept.
  void derive(const std::array<const std::int8_t*, kKeptValues>& kept, std::int64_t count,
              std::int8_t* third, std::int8_t* fourth) const;

private:
  struct Loops;
  [[nodiscard]] static const Loops& loops_for(InstructionSet isa);

  ByteCode code_;
  const Loops* loops_;
  Remainders remainders_;
};

}  // namespace wishart::spectrum
