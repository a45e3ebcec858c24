#pragma once

/// @file
/// Factors of adapters in files that are read as whole models.

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// A file of factors alone, or of weights with factors that are still to be added, is no model:
/// the spectra of the factors are not those of any weight of it.
///
/// Models with such factors as a part of their own are not refused: those that have them beside
/// the weights that they change (Phi-4-multimodal: `x.base_layer.weight`,
/// `x.lora_A.vision.weight`; jina-embeddings-v3: `x.parametrizations.weight.original`,
/// `x.parametrizations.weight.0.lora_A`), and those that have more than one other matrix for each
/// pair of factors.
/// @throws Error with Blame::input that names the first factor
void refuse_loose_factors(const Catalogue& catalogue);

}  // namespace wishart::checkpoint
