#pragma once

/// @file
/// Between which values alpha is that of a well-trained layer: said by fit, analysis and report.

namespace wishart {

/// Below it a layer is called over-trained, above the other under-trained: WeightWatcher 0.7.5.5.
inline constexpr double kOverTrained = 2.0;
inline constexpr double kUnderTrained = 6.0;

}  // namespace wishart
