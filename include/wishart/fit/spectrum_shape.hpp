#pragma once

/// @file
/// Measures of how a spectrum is spread: effective ranks, and Spectrum's signal-to-noise ratio.

#include <cstdint>
#include <limits>
#include <span>

namespace wishart::fit {

/// What a spectrum is like as a whole, without a fit. Values that are not resolved count as zeros,
/// because what the method left there is rounding error.
struct SpectrumShape {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  double effective_rank = kUnknown;       ///< exp(-sum p ln p), p = sigma / sum of sigma
  std::int64_t rank_90 = -1;              ///< energy_rank at 0.9
  std::int64_t rank_95 = -1;              ///< at 0.95
  std::int64_t rank_99 = -1;              ///< at 0.99
  double participation_ratio = kUnknown;  ///< (sum of lambda)^2 / sum of lambda^2
  double nuclear_norm = kUnknown;         ///< sum of sigma
  double snr = kUnknown;                  ///< spectrum_snr
};

/// The measures of a matrix whose views are `long_side` x `short_side`.
///
/// effective_rank: Roy and Vetterli, The effective rank, EUSIPCO 2007, eq. 3. All are unknown but
/// the nuclear norm if no value is resolved.
/// @param sigma  singular values, ascending
/// @param floor_sigma  values up to this one are not resolved
[[nodiscard]] SpectrumShape spectrum_shape(std::span<const double> sigma, double floor_sigma,
                                           std::int64_t long_side, std::int64_t short_side);

/// The smallest r such that the r largest values have at least `share` of the sum of all squares;
/// 0 if no value is resolved. Sums that differ by rounding only count as equal.
/// @param share  above 0, at most 1
[[nodiscard]] std::int64_t energy_rank(std::span<const double> sigma, double floor_sigma,
                                       double share);

/// The ratio that Spectrum (Hartford et al. 2024, arXiv 2406.06623) orders layers by.
///
/// The standard deviation of the noise is the interquartile range of sigma / 1.349, the edge of the
/// noise that times 1 + sqrt(short / long). The result is the sum of the values above the edge,
/// divided by the sum of the others (1 if there are none) and by the largest value. It has the unit
/// 1 / sigma: compare it between layers of one type.
///
/// NaN if values that are not resolved may be more than 1 % of the sum of the others.
[[nodiscard]] double spectrum_snr(std::span<const double> sigma, double floor_sigma,
                                  std::int64_t long_side, std::int64_t short_side);

/// The floor above which values are resolved, for these measures and for every fit in corrected
/// mode: the method's own, but at least the rounding error of the largest value.
[[nodiscard]] double resolved_above(double floor_sigma, double sigma_max, std::int64_t long_side);

}  // namespace wishart::fit
