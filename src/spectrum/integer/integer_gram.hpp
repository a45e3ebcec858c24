#pragma once

/// @file
/// Internal: the Gram matrix of a panel of short floats, exactly, from products of bytes.
///
/// A panel becomes W = X + R, X of integers with a power of two for each line, R sparse. X^T X
/// comes from residues by the Chinese remainder theorem, and the products with R are added one by
/// one. The sum of the panel is exact in every element that needs no more than 53 bits, and rounded
/// once in others, before it is added to the Gram matrix in float64. docs/numerics.md, "Integer
/// products".

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "wishart/record/products.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "integer/byte_products.hpp"
#include "integer/integer_panel.hpp"
#include "integer/moduli.hpp"

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
  void add_apart(std::span<const float> panel, const PanelShape& shape, Block rows, Block cols);
  void store(Block rows, Block cols, bool first, std::span<double> gram) const;
  void add_pairs(std::span<double> gram);

  std::int64_t lines_;
  IntegerForm form_;
  InstructionSet isa_;
  IntegerPanel panel_;
  Remainders remainders_;
  std::unique_ptr<ByteProducts> products_;
  std::span<std::int32_t> tiles_;  ///< a tile of products for each modulus
  std::span<double> sums_;         ///< of a tile, column by column
  std::vector<Apart> by_place_;
  std::int64_t apart_ = 0;
};

}  // namespace wishart::spectrum
