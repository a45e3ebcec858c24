#pragma once

/// @file
/// Converts a block of quantised weights to numbers: codes times scales.

#include <span>

#include "wishart/checkpoint/element_reader.hpp"

namespace wishart::checkpoint {

/// Reads a block of a tensor with one of the quantised encodings.
/// Memory: the block's codes and scales as float64.
void read_quantised(ElementReader& reader, const Tensor& tensor, const Block& block,
                    std::span<double> out);

}  // namespace wishart::checkpoint
