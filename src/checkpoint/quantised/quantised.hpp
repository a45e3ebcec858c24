#pragma once

/// @file
/// Quantised models: codes, scales and zero points that stand under names of their own become the
/// weights that they mean.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Replaces the tensors that a weight is made of by the weight. Names say which belong together,
/// `config.json` and shapes say how: docs/formats.md, "Quantised models".
/// @throws Error with Blame::input if parts are missing or their shapes do not agree
void assemble_quantised(Catalogue& catalogue);

}  // namespace wishart::checkpoint
