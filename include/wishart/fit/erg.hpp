#pragma once

/// @file
/// The trace-log condition of SETOL: how many of the largest eigenvalues multiply to one.

#include <cstdint>
#include <optional>
#include <span>

namespace wishart::fit {

/// Where the determinant of the top of the spectrum passes one.
///
/// On eigenvalues rescaled to mean 1, the largest k multiply to more than 1 for small k; `num` is
/// the smallest k whose product is below 1 (Martin and Hinrichs, SETOL, arXiv 2507.17912: the ERG
/// condition; WeightWatcher's detX). The product is formed as a sum of logarithms.
struct TraceLog {
  std::int64_t num = 0;       ///< k, the eigenvalue that crosses included: detX_num
  double value = 0;           ///< that eigenvalue: detX_val
  double rescaled_value = 0;  ///< the same, rescaled to mean 1
};

/// `weightwatcher`: it does not look at the smallest eigenvalue, and calls k the number of all if
/// no product is below 1; where all eigenvalues are equal it says 0. Otherwise k is the number of
/// all where no product of fewer is below 1.
/// @return nothing if all are zero
[[nodiscard]] std::optional<TraceLog> trace_log(std::span<const double> ascending,
                                                bool weightwatcher);

/// Sum of ln lambda over the eigenvalues of at least `xmin`, rescaled to mean 1. Zero where the
/// power law's tail is the one of the ERG condition.
[[nodiscard]] double tail_trace_log(std::span<const double> ascending, double xmin);

}  // namespace wishart::fit
