#pragma once

/// @file
/// Internal: how the numbers of a checkpoint differ from those of others.

#include <string>

#include "wishart/analysis/verdict.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// A number with its sign: `+0.03`, `-4`, `0`.
[[nodiscard]] std::string signed_fixed(double value, int decimals);

/// The mean change of alpha over the layers that have one in both: `+0.03 since step-900, -0.4
/// against the base`. Empty if nothing is known.
[[nodiscard]] std::string alpha_change(const CheckpointRecord& record,
                                       const analysis::Beside& beside);

/// The change of the number of layers that need attention, in the same words.
[[nodiscard]] std::string attention_change(const CheckpointRecord& record,
                                           const analysis::Beside& beside);

}  // namespace wishart::report
