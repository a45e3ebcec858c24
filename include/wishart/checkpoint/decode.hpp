#pragma once

/// @file
/// Stored bytes to numbers.

#include <cstddef>
#include <span>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// Converts little-endian elements, which need not be aligned, to float64. Every value of every
/// weight dtype (is_weight_dtype) is exact in float64; NaN stays NaN, infinities stay infinite, the
/// sign of zero is kept.
///
/// @pre `raw` has as many elements as `out`
/// @throws Error with Blame::bug for a dtype that is no weight dtype, or sizes that do not match
void decode(Dtype dtype, std::span<const std::byte> raw, std::span<double> out);

}  // namespace wishart::checkpoint
