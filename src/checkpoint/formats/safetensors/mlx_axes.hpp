#pragma once

/// @file
/// Convolutions of MLX, whose axes are in another order than those of PyTorch.

#include <string>
#include <utility>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// True if a header says that MLX wrote the file: `format: mlx`, as mlx-lm, mlx-vlm and mlx-audio
/// save models (ml-explore/mlx-lm d78bf58, utils.py, save_model).
[[nodiscard]] bool is_of_mlx(const std::vector<std::pair<std::string, std::string>>& headers);

/// Gives convolutions the order of axes of PyTorch, [outputs, inputs, kernel], where MLX has
/// [outputs, kernel, inputs] (ml-explore/mlx, python/mlx/nn/layers/convolution.py; also of a single
/// input, and of transposed ones). Stacks of experts and tables stay as they are. Elements are read
/// from where they are.
///
/// A few models keep PyTorch's order and turn the axes whenever they run (mlx-audio ebf44df,
/// tts/models/confucius4/s2a.py). If shapes say so, nothing is changed; if they say both,
/// convolutions are left out.
void reorder_convolutions(Catalogue& catalogue);

}  // namespace wishart::checkpoint
