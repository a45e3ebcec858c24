#pragma once

/// @file
/// What the spectrum of a LoRA adapter says, and the warnings that mean something for rank r.

#include <cstdint>
#include <span>

#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// exp(-sum p_i ln p_i) with p_i = sigma_i / sum sigma: how many directions the values are worth.
/// 1 for a single value, their number for equal ones, 0 if all are zero or there are none (Roy and
/// Vetterli, The effective rank, EUSIPCO 2007, definition 1).
[[nodiscard]] double effective_rank(std::span<const double> sigma);

/// Completes the row of an adapter alone: fills `adapter` from the spectrum. An adapter has no more
/// than r singular values by construction, so a missing fit is `no-tail`, not `failed`.
/// @param sigma  all singular values of s B A, ascending
/// @pre row.adapter.adapter_rank >= 1
void fill_adapter_alone(LayerRow& row, std::span<const double> sigma);

/// Replaces the warnings of an adapter alone, which are those of whole weights, and adds those of
/// an adapter on its base: `adapter-zero`, `adapter-collapsed`, `adapter-dominates`.
/// @pre row.adapter.adapter_rank >= 1
void warn_of_adapter(LayerRow& row);

}  // namespace wishart::fit
