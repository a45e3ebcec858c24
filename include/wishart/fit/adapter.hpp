#pragma once

/// @file
/// What the spectrum of a LoRA adapter says.

#include <span>

#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// effective_rank of spectrum_shape.hpp for the values of a change s B A; 0 if all of them are
/// zero.
/// @param sigma  ascending; those that rounding has left of zero count little
[[nodiscard]] double adapter_effective_rank(std::span<const double> sigma);

/// Completes the row of an adapter alone: fills `adapter` from the other columns. An adapter has no
/// more than r singular values by construction, so a missing fit is `no-tail`, not `failed`.
/// @pre row.adapter.adapter_rank >= 1
void fill_adapter_alone(LayerRow& row);

}  // namespace wishart::fit
