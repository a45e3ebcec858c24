#pragma once

/// @file
/// The constants that shape the metrics, with their sources.

#include <cstdint>

namespace wishart::fit {

/// Below it a layer is called over-trained, above the other under-trained: WeightWatcher 0.7.5.5.
inline constexpr double kOverTrained = 2.0;
inline constexpr double kUnderTrained = 6.0;

/// WeightWatcher's absolute floor: eigenvalues at or below it are not fitted (EVALS_THRESH).
inline constexpr double kWeightWatcherFloor = 1e-5;
/// WeightWatcher's addend to shares and rank in the entropy (EPS on a CPU).
inline constexpr double kEntropyEps = 1e-10;

/// The smallest tail that corrected mode accepts. Two points always fit with D = 0.365; ten is
/// where the standard error of alpha, (alpha - 1) / sqrt(n), falls below a third of alpha - 1.
inline constexpr std::int64_t kMinTail = 10;
/// A tail with fewer values gets the warning `small-tail`: its alpha is uncertain by more than 20
/// %.
inline constexpr std::int64_t kSmallTail = 20;

}  // namespace wishart::fit
