#pragma once

/// @file
/// Weights that a conversion divided into two tensors.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Puts together again what is one tensor in the hub's checkpoints: `kv_b_proj` of latent attention
/// (MLA), of which MLX and GGUF store the part of keys turned and that of values by itself, and
/// Granite's `input_linear`, whose halves MLX stores apart. Nothing is done to a name that is
/// there.
void join_divided_weights(Catalogue& catalogue, bool of_mlx);

}  // namespace wishart::checkpoint
