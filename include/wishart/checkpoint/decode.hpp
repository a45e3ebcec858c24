#pragma once

/// @file
/// Converts stored bytes to numbers.

#include <cstddef>
#include <span>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// True for the dtypes that decode converts: the weight dtypes, the scale type F8_E8M0, booleans
/// and integers up to 32 bits. Booleans and integers are the codes, scales and zero points of
/// quantised weights.
[[nodiscard]] bool can_decode(Dtype dtype) noexcept;

/// Converts little-endian elements, which need not be aligned, to float64. Every value of these
/// dtypes is exact in float64. NaN, infinities and the sign of zero are preserved.
///
/// @pre `raw` has as many elements as `out`. It does not overlap `out`, or it is the last bytes of
///      `out`: elements are converted in ascending order, so codes read into the end of the output
///      can be converted in place
/// @throws Error with Blame::bug for another dtype, or sizes that do not match
void decode(Dtype dtype, std::span<const std::byte> raw, std::span<double> out);

}  // namespace wishart::checkpoint
