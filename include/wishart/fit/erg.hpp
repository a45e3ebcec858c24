#pragma once

/// @file
/// The trace-log condition of SETOL: how many of the largest eigenvalues multiply to one.

#include <cstdint>
#include <optional>
#include <span>

namespace wishart::fit {

/// Where the product of the largest eigenvalues passes one.
///
/// For eigenvalues rescaled to mean 1, the product of the largest k is above 1 for small k. `num`
/// is the smallest k whose product is below 1 (Martin and Hinrichs, SETOL, arXiv 2507.17912: the
/// ERG condition; WeightWatcher's detX). The product is formed as a sum of logarithms.
struct TraceLog {
  std::int64_t num = 0;       ///< k, including the eigenvalue that crosses: detX_num
  double value = 0;           ///< that eigenvalue: detX_val
  double rescaled_value = 0;  ///< the same, rescaled to mean 1
};

/// With `weightwatcher`, the smallest eigenvalue is ignored. If no product is below 1, k is the
/// number of all eigenvalues, and 0 if all are equal. Without it, k is the number of all
/// eigenvalues if no product of fewer is below 1.
/// @return nothing if all are zero
[[nodiscard]] std::optional<TraceLog> trace_log(std::span<const double> ascending,
                                                bool weightwatcher);

/// Sum of ln lambda over the eigenvalues of at least `xmin`, rescaled to mean 1. Zero if the tail
/// of the power law is that of the ERG condition.
[[nodiscard]] double tail_trace_log(std::span<const double> ascending, double xmin);

}  // namespace wishart::fit
