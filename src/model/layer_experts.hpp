#pragma once

/// @file
/// Internal: matrices that hold all experts of a layer.

#include "wishart/model/naming.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::model {

/// DBRX and nomic-embed-text-v2-moe have all experts of a layer one below the other
/// (modeling_dbrx.py, DbrxExpertGLU; NomicExpertMLP in vLLM).
[[nodiscard]] bool stacks_along_rows(const Tensor& tensor, const Naming& naming,
                                     const ModelConfig& config);

/// Experts of Megatron-LM's GroupedMLP (00358e5e, core/transformer/moe/experts.py): `weight1` of
/// [H, E 2 I] holds the elements of [E, H, 2 I], and ranks may have parts of each.
[[nodiscard]] bool is_grouped_mlp(const Tensor& tensor, const ModelConfig& config);

}  // namespace wishart::model
