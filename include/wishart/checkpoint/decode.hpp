#pragma once

/// @file
/// Stored bytes to numbers.

#include <cstddef>
#include <span>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// True for the dtypes that decode converts: the weight dtypes, the scale type F8_E8M0, booleans
/// and integers up to 32 bits. The latter are the codes, scales and zero points of quantised
/// weights.
[[nodiscard]] bool can_decode(Dtype dtype) noexcept;

/// Converts little-endian elements, which need not be aligned, to float64. Every value of every
/// such dtype is exact in float64; NaN stays NaN, infinities stay infinite, the sign of zero is
/// kept.
///
/// @pre `raw` has as many elements as `out`, and lies beside it or is its last bytes: elements are
///      converted in ascending order, so that what was read into the end of the output becomes the
///      output
/// @throws Error with Blame::bug for another dtype, or sizes that do not match
void decode(Dtype dtype, std::span<const std::byte> raw, std::span<double> out);

}  // namespace wishart::checkpoint
