#pragma once

/// @file
/// WeightWatcher's limits of alpha, shared by fit, analysis and report.

namespace wishart {

/// WeightWatcher 0.7.5.5 calls a layer below kOverTrained over-trained, one above kUnderTrained
/// under-trained. Compat mode does so too. Elsewhere the limits are only told: they say more of the
/// role of a layer than of its training (docs/decisions/027-warnings.md).
inline constexpr double kOverTrained = 2.0;
inline constexpr double kUnderTrained = 6.0;

}  // namespace wishart
