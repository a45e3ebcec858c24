#pragma once

/// @file
/// The uncertainty of a power-law fit: an interval for alpha and a goodness of fit, by resampling.

#include <cstdint>
#include <span>

#include "wishart/fit/power_law.hpp"

namespace wishart::fit {

/// The random numbers of a resampling: the same seed and stream give the same result.
struct Resampling {
  std::int64_t replicas = 0;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

/// A 90 % interval; NaN without replicas.
struct Interval {
  double low = 0;
  double high = 0;
};

/// The 5 % and 95 % quantiles of alpha over replicas, each with its own scan for xmin.
///
/// A replica has as many values as the data, drawn from them with replacement (Clauset, Shalizi,
/// Newman, SIAM Review 51 (2009) 661, section 3.3; Efron's percentile interval).
[[nodiscard]] Interval alpha_interval(std::span<const double> ascending, const ScanOptions& options,
                                      const Resampling& resampling);

/// The p-value of the fit: the share of replicas whose distance from their own fit is at least that
/// of the data from theirs; NaN without replicas. If it is small, the data hardly follow a power
/// law.
///
/// A replica has as many values as the data. Each value is drawn from the fitted power law, with a
/// probability equal to the share of the tail, or else from the values below xmin. The replica is
/// then fitted like the data, including the choice of xmin (Clauset, Shalizi, Newman, section 4.1).
/// @pre `fit` is the scan's result for `ascending` with `options`
[[nodiscard]] double goodness_of_fit(std::span<const double> ascending, const ScanOptions& options,
                                     const PowerLaw& fit, const Resampling& resampling);

/// The same for the best fit among tails that contain at least half of the values: is the upper
/// half a power law? Here the scan cannot move xmin up until the rest passes, as it does for
/// lognormal and exponential samples (docs/metrics-evidence.md).
[[nodiscard]] double goodness_of_half(std::span<const double> ascending, const ScanOptions& options,
                                      const Resampling& resampling);

}  // namespace wishart::fit
