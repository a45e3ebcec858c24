#pragma once

/// @file
/// Internal: the Gram matrix of a panel of short floats, exactly, from products of bytes.
///
/// A panel becomes W = X + R, X of integers with a power of two for each line, R sparse. X^T X is
/// put together from products of their bytes, and the products with R are added one by one. The sum
/// of the panel is exact in every element that needs no more than 53 bits, and rounded once in
/// others, before it is added to the Gram matrix in float64. docs/numerics.md, "Integer products".

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "wishart/record/products.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "integer/byte_products.hpp"
#include "integer/combination.hpp"
#include "integer/fetch_ahead.hpp"
#include "integer/integer_panel.hpp"

namespace wishart::spectrum {

class IntegerGram {
public:
  /// @param lines  the short side. Memory: integer_bytes
  IntegerGram(std::int64_t lines, std::int64_t most_depth, IntegerForm form, InstructionSet isa,
              std::unique_ptr<ByteProducts> products, Workspace& workspace);

  /// gram (+)= the products of the lines of `panel`: the lower triangle, column-major.
  /// @param first  write instead of add
  /// @returns false, with nothing changed, if too many elements of the panel are no integers at the
  ///          scale of their lines
  [[nodiscard]] bool add(std::span<float> panel, const PanelShape& shape, bool first,
                         std::span<double> gram);

  /// Elements kept apart in all panels so far.
  [[nodiscard]] std::int64_t apart() const noexcept { return apart_; }

private:
  struct Block {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };
  /// X, the elements of a panel but for those kept apart.
  struct X {
    std::span<const float> values;
    const PanelShape& shape;

    [[nodiscard]] const float* at(std::int64_t line, std::int64_t place) const {
      return values.data() + line * shape.line_stride + place * shape.place_stride;
    }
  };
  void derive(Block block, std::span<std::int8_t> out) const;
  [[nodiscard]] ByteBlock bytes(int byte, Block block, std::span<const std::int8_t> derived) const;
  void hold(Block rows);
  void multiply(Block rows, std::int64_t held, Block cols, const X& x, bool first,
                std::span<const double> gram);
  [[nodiscard]] std::span<const Apart> apart_in(Block block) const;
  void fetch_partners(Block elements, const X& x, Block lines);
  void sum_rows(std::span<const Apart> elements, Block rows, const X& x, Block cols);
  void add_tile(Block rows, Block cols, const X& x, bool first, std::span<double> gram);
  void add_pairs(std::span<double> gram);

  std::int64_t lines_;
  IntegerForm form_;
  IntegerPanel panel_;
  Combination combination_;
  std::unique_ptr<ByteProducts> products_;
  std::span<std::int32_t> tiles_;        ///< a tile of products for each byte
  std::span<double> column_;             ///< of a tile
  std::span<std::int8_t> derived_rows_;  ///< bytes of the held block that are not kept
  std::span<std::int8_t> derived_cols_;
  std::span<double> row_sums_;  ///< products of elements apart: `row_lines_` rows of a tile
  std::vector<std::int64_t> row_lines_;
  FetchAhead ahead_;
  std::vector<Apart> by_place_;
  std::int64_t apart_ = 0;
};

}  // namespace wishart::spectrum
