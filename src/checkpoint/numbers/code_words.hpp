#pragma once

/// @file
/// Takes codes of a few bits out of the words that hold them.

#include <cstdint>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

#include "numbers/codes.hpp"

namespace wishart::checkpoint {

using Values = std::vector<double>;
using Codes = std::vector<std::uint8_t>;

/// A rectangle of a part, row-major, seen as a matrix of `cols` columns whatever its shape.
[[nodiscard]] Values rectangle(ElementReader& reader, const Tensor& part, std::int64_t cols,
                               const Block& block);

/// A block of the matrix of packed codes of one expert, row-major.
/// @pre the order is not plain, and a code has at most 8 bits
[[nodiscard]] Codes unpacked(ElementReader& reader, const Tensor& part, const Packing& packing,
                             std::int64_t expert, const Block& block);

}  // namespace wishart::checkpoint
