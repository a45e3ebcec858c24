#pragma once

/// @file
/// Internal: the normal distribution.

namespace wishart::analysis {

/// Half the width of a 95 % interval, in standard errors.
inline constexpr double kNormal95 = 1.959963984540054;

}  // namespace wishart::analysis
