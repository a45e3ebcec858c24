#pragma once

/// @file
/// Whether the pieces of a tensor in files make the whole.

#include <string>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// Throws Error with Blame::input, beginning with `place`, unless the extents tile the tensor: none
/// overlaps another, and none is missing.
void check_tiling(const Tensor& tensor, const std::string& place);

}  // namespace wishart::checkpoint
