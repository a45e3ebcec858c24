#pragma once

/// @file
/// Numbers to stored bytes.

#include <cstddef>
#include <span>

#include "wishart/record/tensor.hpp"

namespace wishart::synth {

/// Bits of the significand, the hidden one included. @pre F32, BF16 or F16
[[nodiscard]] int precision_bits(Dtype dtype);

/// Rounds to nearest, ties to even, once: not through float32. Finite values within the range of
/// the type; numbers below BF16's smallest normal one become zero.
/// @pre `dtype` is F32, BF16 or F16; `out` has room for `values`
void encode(Dtype dtype, std::span<const double> values, std::span<std::byte> out);

}  // namespace wishart::synth
