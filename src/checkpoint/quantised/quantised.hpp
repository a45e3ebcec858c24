#pragma once

/// @file
/// Quantised models: combines codes, scales and zero points, stored under separate names, into
/// weights.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Replaces the tensors that form a weight by the weight. Names determine which belong together,
/// `config.json` and shapes determine how: docs/formats.md, "Quantised models".
/// @throws Error with Blame::input if parts are missing or their shapes do not agree
void assemble_quantised(Catalogue& catalogue);

}  // namespace wishart::checkpoint
