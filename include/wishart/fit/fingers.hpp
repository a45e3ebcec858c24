#pragma once

/// @file
/// Fingers: single large eigenvalues that stand out of the tail and pull the fit.

#include <cstdint>
#include <optional>
#include <span>

#include "wishart/fit/power_law.hpp"

namespace wishart::fit {

struct ClipOptions {
  std::int64_t max_fingers = 10;
  double threshold = 1.0;  ///< how much alpha has to fall for a clip to be taken
  /// WeightWatcher's: 2 .. max - 1 values are tried, never 1; max is 10 unless it is at least half
  /// of the values; a first alpha of at most 2 that is no clip ends it; one fit that fails, all do,
  /// that without one value more than is taken away included;
  /// the number that is told is one less than the number removed.
  bool weightwatcher = false;
  ScanOptions scan;
};

struct ClippedFit {
  PowerLaw fit;                  ///< of the values that are left
  double raw_alpha = 0;          ///< of all values
  std::int64_t num_fingers = 0;  ///< values taken away
};

/// Takes away the largest value, the two largest, ... and keeps the first fit whose alpha is below
/// that of all values by more than `threshold`; that of all values if there is none.
/// @return nothing if the fit of all values fails
[[nodiscard]] std::optional<ClippedFit> clip_fingers(std::span<const double> ascending,
                                                     const ClipOptions& options);

/// The power-law fit whose xmin lies around the peak of the density of log x: between 0.95 and 1.5
/// times the left edge of the fullest of 100 bins (the first, of equals).
///
/// WeightWatcher's `xmin_peak` without the defect that compares with the logarithm of the lower
/// bound. Nothing if no candidate lies there.
///
/// `weightwatcher`: with that defect, and without the largest candidate of the range, which
/// powerlaw 1.5 leaves out; its default package fails on every layer.
[[nodiscard]] std::optional<PowerLaw> fit_at_peak(std::span<const double> ascending,
                                                  const ScanOptions& options,
                                                  bool weightwatcher = false);

/// How many of the largest values do not belong to the power law of the others.
struct Outliers {
  std::int64_t count = 0;  ///< values taken together as outliers; 0 if none
  double p = 1;            ///< probability of as large a gap among values of one power law
};

/// Pisarenko and Sornette's test for dragon kings (Eur. Phys. J. Special Topics 205 (2012) 95).
///
/// Under the power law the scaled gaps k (ln x_(k) - ln x_(k+1)), x_(1) the largest, are
/// independent exponentials with one mean, so that mean of the first r over mean of the rest
/// follows F(2r, 2 (m - 1 - r)). r runs from 1 to 10, and the smallest p counts, times the number
/// of tests. If it is below 0.01, `count` are the values above the widest of those r scaled gaps.
/// @param ascending  the tail, xmin included, of which at least 12 are needed; else p is NaN
[[nodiscard]] Outliers tail_outliers(std::span<const double> ascending);

/// P(F > value) for F-distributed with 2 a and 2 b degrees of freedom, a, b >= 1.
[[nodiscard]] double f_survival(double value, std::int64_t a, std::int64_t b);

}  // namespace wishart::fit
