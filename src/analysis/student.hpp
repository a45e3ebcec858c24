#pragma once

/// @file
/// Inside of the module: Student's t distribution.

#include <cstdint>

namespace wishart::analysis {

/// Half the width of an interval of 95 %, in standard errors: the quantile 0.975 of Student's t.
/// Right to 3e-9 of itself.
/// @pre freedom >= 1
[[nodiscard]] double student95(std::int64_t freedom);

}  // namespace wishart::analysis
