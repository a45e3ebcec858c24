#pragma once

/// @file
/// Combines two checkpoints: the difference from a base, or an adapter added to a base.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Turns each weight W of two or more dimensions into W - W_base, matched by exact name and shape.
/// Weights without a partner go to `left_out`. The formats of the two may differ.
void subtract_base(Catalogue& catalogue, Catalogue&& base);

/// Turns each product s B A of an adapter into W_base + s B A, with DoRA's magnitudes where
/// present. Products without a partner go to `left_out`.
void add_to_base(Catalogue& adapter, Catalogue&& base);

}  // namespace wishart::checkpoint
