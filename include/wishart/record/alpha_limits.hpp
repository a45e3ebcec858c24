#pragma once

/// @file
/// The range of alpha of a well-trained layer, shared by fit, analysis and report.

namespace wishart {

/// A layer below kOverTrained is called over-trained, one above kUnderTrained under-trained, as in
/// WeightWatcher 0.7.5.5.
inline constexpr double kOverTrained = 2.0;
inline constexpr double kUnderTrained = 6.0;

}  // namespace wishart
