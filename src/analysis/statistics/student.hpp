#pragma once

/// @file
/// Internal: Student's t distribution.

#include <cstdint>

namespace wishart::analysis {

/// Half the width of a 95 % interval, in standard errors: the 0.975 quantile of Student's t. The
/// relative error is at most 3e-9.
/// @pre freedom >= 1
[[nodiscard]] double student95(std::int64_t freedom);

}  // namespace wishart::analysis
