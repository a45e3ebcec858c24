#pragma once

/// @file
/// Inside of the module: of the normal distribution.

namespace wishart::analysis {

/// Half the width of an interval of 95 %, in standard errors.
inline constexpr double kNormal95 = 1.959963984540054;

}  // namespace wishart::analysis
