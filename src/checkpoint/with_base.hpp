#pragma once

/// @file
/// Combines two checkpoints: the difference from a base, or an adapter added to a base.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Turns each weight W of two or more dimensions into W - W_base, matched by exact name and shape.
/// Weights without a partner go to `left_out`. The formats of the two may differ.
void subtract_base(Catalogue& catalogue, Catalogue&& base);

/// Turns an adapter into the whole model that it makes of its base: W_base + s B A for each of its
/// products, with DoRA's magnitudes where present, and the other tensors of the base as they are.
/// The weights that the adapter holds as a whole (`modules_to_save`) take the place of the base's.
/// Names and configuration of the model are those of the base.
/// @throws Error with Blame::usage if the base is an adapter itself, with Blame::input if a product
///   has no partner in it
void add_to_base(Catalogue& adapter, Catalogue&& base);

}  // namespace wishart::checkpoint
