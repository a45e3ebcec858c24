#pragma once

/// @file
/// How sure a power-law fit is: an interval for alpha and a goodness of fit, by resampling.

#include <cstdint>
#include <span>

#include "wishart/fit/power_law.hpp"

namespace wishart::fit {

/// Where the numbers of a resampling come from: the same seed and stream give the same answer.
struct Resampling {
  std::int64_t replicas = 0;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

/// A 90 % interval; NaN where there were no replicas.
struct Interval {
  double low = 0;
  double high = 0;
};

/// The 5 % and 95 % quantiles of alpha over replicas, each with its own scan for xmin.
///
/// A replica draws as many values as there are from the values, with replacement (Clauset, Shalizi,
/// Newman, SIAM Review 51 (2009) 661, section 3.3; Efron's percentile interval).
[[nodiscard]] Interval alpha_interval(std::span<const double> ascending, const ScanOptions& options,
                                      const Resampling& resampling);

/// The share of replicas that lie at least as far from their own fit as the data from theirs; NaN
/// without replicas. Small: these are hardly data of a power law.
///
/// A replica has as many values as the data. Each is, with the share of the tail as probability, a
/// draw from the fitted power law, else one of the values below xmin; and it is fitted as the data
/// were, choice of xmin included (Clauset, Shalizi, Newman, section 4.1).
/// @pre `fit` is the scan's result for `ascending` with `options`
[[nodiscard]] double goodness_of_fit(std::span<const double> ascending, const ScanOptions& options,
                                     const PowerLaw& fit, const Resampling& resampling);

/// The same for the law that fits best among tails of at least half of the values: is the upper
/// half a power law? The scan cannot move xmin up until what is left passes, as it does for
/// lognormal and exponential samples (docs/metrics.md).
[[nodiscard]] double goodness_of_half(std::span<const double> ascending, const ScanOptions& options,
                                      const Resampling& resampling);

}  // namespace wishart::fit
