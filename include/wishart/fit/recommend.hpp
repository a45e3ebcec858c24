#pragma once

/// @file
/// What published training recipes would do with each layer, given its alpha relative to the
/// others.

#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// Fills the columns tempbalance_lr, alphapruning_sparsity and alphadecay_wd from alpha_hill. All
/// are factors: for the learning rate, the target sparsity and the weight decay.
///
/// The layers inside blocks are compared (or all layers, if none is inside a block) that have at
/// least 50 eigenvalues and a finite alpha_hill. The others keep NaN. With a = (alpha - least) /
/// (most - least):
/// - TempBalance (Zhou et al., NeurIPS 2023, arXiv 2312.00359): 0.5 + a, by matrix;
/// - AlphaPruning (Lu et al., NeurIPS 2024, arXiv 2410.10912): 0.7 + 0.6 a of the mean alpha of the
///   block, divided by the mean over the parameters, so that the whole model has the target
///   sparsity;
/// - AlphaDecay (He et al., arXiv 2506.14562): 2/3 + (3 - 2/3) a, by matrix. If all alphas are
/// equal, the factors are 1.
void recommend(std::vector<LayerRow>& layers);

}  // namespace wishart::fit
