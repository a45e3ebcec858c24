#pragma once

/// @file
/// Takes codes of a few bits out of the words that hold them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

#include "numbers/codes.hpp"

namespace wishart::checkpoint {

using Values = std::vector<double>;
using Codes = std::vector<std::uint8_t>;

/// A rectangle of a part, row-major, seen as a matrix of `cols` columns whatever its shape.
[[nodiscard]] Values rectangle(ElementReader& reader, const Tensor& part, std::int64_t cols,
                               const Block& block);

/// The same, into `out`.
void read_rectangle(ElementReader& reader, const Tensor& part, std::int64_t cols,
                    const Block& block, std::span<double> out);

/// What codes of a few bits stand for.
class CodeTable {
public:
  /// @param values  of all codes, at most 2^8
  explicit CodeTable(Values values);
  [[nodiscard]] double operator[](std::size_t code) const { return values_[code]; }
  /// Codes of 4 bits as floats, if that is exact.
  [[nodiscard]] const std::optional<std::array<float, 16>>& floats() const { return floats_; }
  /// The values of the low and of the high half of each byte, for codes of 4 bits.
  [[nodiscard]] const Values& pairs() const { return pairs_; }

private:
  Values values_;
  Values pairs_;
  std::optional<std::array<float, 16>> floats_;
};

/// The words that hold a block of the matrix of packed codes of one expert.
/// @pre the order is not plain, and a code has at most 8 bits
class CodeBlock {
public:
  /// @param storage  holds the words as long as this exists; it only grows
  CodeBlock(ElementReader& reader, const Tensor& part, const Packing& packing, std::int64_t expert,
            const Block& block, std::vector<std::byte>& storage);

  /// All codes, row-major.
  [[nodiscard]] Codes codes() const;
  /// table[c] times `factor` for the codes c of row `row` from column `col` on. Both count from the
  /// first of the block.
  /// @pre words do not run down columns
  void look_up(std::int64_t row, std::int64_t col, const CodeTable& table, double factor,
               std::span<double> out) const;

private:
  [[nodiscard]] std::uint32_t word(std::int64_t row, std::int64_t col) const;

  Packing packing_;
  Block block_;
  std::int64_t first_ = 0;  ///< the first word of each run that is held
  std::int64_t width_ = 0;  ///< words in a row of those that are held
  std::int64_t word_bytes_ = 1;
  std::span<const std::byte> bytes_;  ///< little-endian words, and one byte more
};

}  // namespace wishart::checkpoint
