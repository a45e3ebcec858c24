#pragma once

/// @file
/// What published training recipes would do with each layer, by its alpha among the others.

#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// Fills the columns tempbalance_lr, alphapruning_sparsity and alphadecay_wd from alpha_hill. All
/// are factors: of the learning rate, of the sparsity asked for, of the weight decay.
///
/// Compared are the layers inside blocks (all layers if none is), with 50 eigenvalues or more and a
/// finite alpha_hill; the others keep NaN. With a = (alpha - least) / (most - least):
/// - TempBalance (Zhou et al., NeurIPS 2023, arXiv 2312.00359): 0.5 + a, by matrix;
/// - AlphaPruning (Lu et al., NeurIPS 2024, arXiv 2410.10912): 0.7 + 0.6 a of the mean alpha of the
///   block, divided by the mean over the parameters, so that the whole has the sparsity asked for;
/// - AlphaDecay (He et al., arXiv 2506.14562): 2/3 + (3 - 2/3) a, by matrix.
/// Where all alphas are equal the factors are 1.
void recommend(std::vector<LayerRow>& layers);

}  // namespace wishart::fit
