#pragma once

/// @file
/// Converts numbers to stored bytes.

#include <cstddef>
#include <span>

#include "wishart/record/tensor.hpp"

namespace wishart::synth {

/// Bits of the significand, including the hidden bit. @pre F32, BF16 or F16
[[nodiscard]] int precision_bits(Dtype dtype);

/// Rounds once, to nearest, ties to even, and not through float32. For finite values within the
/// range of the type. Numbers below the smallest normal BF16 number become zero.
/// @pre `dtype` is F32, BF16 or F16; `out` has room for `values`
void encode(Dtype dtype, std::span<const double> values, std::span<std::byte> out);

}  // namespace wishart::synth
