#pragma once

/// @file
/// Two checkpoints as one: the difference to a base, or an adapter on top of it.

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Turns each weight W of two or more dimensions into W - W_base, by exact name and shape. What has
/// no partner goes to `left_out`. The formats of the two may differ.
void subtract_base(Catalogue& catalogue, Catalogue&& base);

/// Turns each product s B A of an adapter into W_base + s B A, with DoRA's magnitudes where it has
/// them. What has no partner goes to `left_out`.
void add_to_base(Catalogue& adapter, Catalogue&& base);

}  // namespace wishart::checkpoint
