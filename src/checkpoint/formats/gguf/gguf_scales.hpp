#pragma once

/// @file
/// Factors of GGUF weights that are stored as tensors of their own.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Multiplies each weight `X.weight` by `X.scale` or `X.weight.scale`: one factor, or one for each
/// expert of a stack. llama.cpp writes them for NVFP4, whose blocks hold only the scales of groups,
/// and for ternary weights, and multiplies whatever the type. `X.input_scale` belongs to the
/// activations: it is dropped, as the factors are.
/// @throws Error with Blame::input for a factor of another shape or type
void multiply_scales(Catalogue& catalogue);

}  // namespace wishart::checkpoint
