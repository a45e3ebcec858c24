#pragma once

/// @file
/// Codes times scales, whatever dimension the scales run along: the quantised weights of ONNX.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

namespace wishart::checkpoint {

/// How codes, scales and zero points of Encoding::affine lie: its `numbers`, by name. Element e of
/// the stored tensor, in row-major order, is (code - zero) * scale. Its place along the quantised
/// axis is a = e / inner % axis; its scale is number a / block, or with `per_position`
/// ((e / (inner * axis)) * ceil(axis / block) + a / block) * inner + e % inner.
struct AffineLayout {
  /// What packed codes stand for.
  enum class Codes : std::int64_t {
    natural,  ///< 0 to 2^bits - 1
    twos_complement,
    float4,  ///< E2M1: OCP Microscaling Formats, 5.3.3
  };
  /// How zero points are stored.
  enum class Zeros : std::int64_t {
    constant,  ///< not: all are `zero`
    packed,    ///< as the codes, rows of `zero_row` in the room of `zero_stored_row`
    numbers,   ///< a tensor of numbers, one for each scale
  };
  std::int64_t bits = 0;  ///< of a packed code, the lowest bits of a byte first; 0: plain numbers
  Codes codes = Codes::natural;
  std::int64_t row = 1;         ///< elements of a stored row
  std::int64_t stored_row = 1;  ///< room of a row of packed codes, in codes
  std::int64_t axis = 1;        ///< length of the quantised axis
  std::int64_t inner = 1;       ///< elements between two places along it
  std::int64_t block = 1;       ///< places along it that share a scale
  bool per_position = false;    ///< scales differ along the other dimensions too
  Zeros zeros = Zeros::constant;
  std::int64_t zero = 0;
  std::int64_t zero_row = 1;
  std::int64_t zero_stored_row = 1;
  /// The tensor has two dimensions, and is the transpose of what is stored.
  bool transposed = false;

  [[nodiscard]] std::vector<std::int64_t> numbers() const;
  [[nodiscard]] static AffineLayout from(const std::vector<std::int64_t>& numbers);
};

/// Reads a block of a tensor of Encoding::affine.
/// @pre the block lies in the tensor and fills `out`
/// @throws Error with Blame::input if scales are not numbers, with their number
void read_affine(ElementReader& reader, const Tensor& tensor, const Block& block,
                 std::span<double> out);

}  // namespace wishart::checkpoint
