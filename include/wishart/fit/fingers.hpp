#pragma once

/// @file
/// Fingers: single large eigenvalues that stand out from the tail and distort the fit.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "wishart/fit/power_law.hpp"

namespace wishart::fit {

struct ClipOptions {
  std::int64_t max_fingers = 10;
  double threshold = 1.0;  ///< how much alpha has to fall for a clip to be accepted
  /// WeightWatcher's rules: 2 .. max - 1 values are tried, never 1. max is 10, or `max_fingers` if
  /// that is at least half of the values. The search ends at the first fit that is not accepted and
  /// has an alpha of at most 2. If one fit fails, everything fails, including a fit with one more
  /// value removed than needed. The number reported is one less than the number removed.
  bool weightwatcher = false;
  ScanOptions scan;
};

struct ClippedFit {
  PowerLaw fit;                  ///< of the remaining values
  double raw_alpha = 0;          ///< of all values
  std::int64_t num_fingers = 0;  ///< values removed
};

/// Removes the largest value, the two largest, ... and keeps the first fit whose alpha is below
/// that of all values by more than `threshold`. If there is none, keeps the fit of all values.
/// @return nothing if the fit of all values fails
[[nodiscard]] std::optional<ClippedFit> clip_fingers(std::span<const double> ascending,
                                                     const ClipOptions& options);

/// The candidates for xmin near the peak of the density of log x: between 0.95 and 1.5 times the
/// left edge of the fullest of 100 bins (the first one, if several are equally full).
///
/// WeightWatcher's `xmin_peak` without the defect that compares with the logarithm of the lower
/// bound.
///
/// `weightwatcher`: with that defect, and without the largest candidate of the range, which
/// powerlaw 1.5 omits. WeightWatcher's default package fails on every layer.
[[nodiscard]] std::vector<Tail> candidates_at_peak(std::span<const double> ascending,
                                                   const ScanOptions& options,
                                                   bool weightwatcher = false);

/// The power-law fit with the smallest D of candidates_at_peak; nothing if there are none.
[[nodiscard]] std::optional<PowerLaw> fit_at_peak(std::span<const double> ascending,
                                                  const ScanOptions& options,
                                                  bool weightwatcher = false);

/// The number of largest values that do not belong to the power law of the others.
struct Outliers {
  std::int64_t count = 0;  ///< number of outliers; 0 if none
  double p = 1;            ///< probability of a gap this large among values from one power law
};

/// Pisarenko and Sornette's test for dragon kings (Eur. Phys. J. Special Topics 205 (2012) 95).
///
/// Under the power law the scaled gaps k (ln x_(k) - ln x_(k+1)), x_(1) the largest, are
/// independent exponentials with one mean, so that mean of the first r over mean of the rest
/// follows F(2r, 2 (m - 1 - r)). r runs from 1 to 10. The result is the smallest p times the number
/// of tests. If it is below 0.01, `count` is the number of values above the widest of those r
/// scaled gaps.
/// @param ascending  the tail including xmin; p is NaN for fewer than 12 values
[[nodiscard]] Outliers tail_outliers(std::span<const double> ascending);

/// P(F > value) for F-distributed with 2 a and 2 b degrees of freedom, a, b >= 1.
[[nodiscard]] double f_survival(double value, std::int64_t a, std::int64_t b);

}  // namespace wishart::fit
