#pragma once

/// @file
/// Internal: the normal distribution.

namespace wishart::analysis {

/// Half the width of a 95 % interval, in standard errors.
inline constexpr double kNormal95 = 1.959963984540054;

/// Half the width of a 90 % interval, in standard errors.
inline constexpr double kNormal90 = 1.6448536269514722;

}  // namespace wishart::analysis
