#pragma once

/// @file
/// Compat mode: whether the eigenvalues of the Gram matrix give WeightWatcher's numbers to the
/// promised digits, or whether the matrix needs an SVD. Pure functions; docs/numerics.md,
/// "WeightWatcher's digits from the Gram matrix", has the bounds.

#include <cstdint>
#include <span>
#include <string>

#include "wishart/fit/options.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::fit {

/// The digits of compat mode (docs/metrics.md, "How close compat mode comes"), as relative
/// differences.
inline constexpr double kNormDigits = 1e-10;  ///< norms, xmin, stable_rank, entropy
inline constexpr double kFitDigits = 1e-8;    ///< alpha, D, sigma and what depends on them
inline constexpr double kBulkDigits = 1e-3;   ///< WeightWatcher's Marchenko-Pastur fit

/// What an eigenvalue of a Gram matrix G, formed and solved in float64, may be off by:
///
///   eps (16 ||G||_F + sqrt(N) / 2 lambda_max)
///
/// The first term is the orthogonal reductions' (backward stable, so proportional to a norm), the
/// second that of sums of N products. Both are at least twice what was measured (docs/numerics.md).
/// @param sigma  singular values, ascending; of several views together
[[nodiscard]] double eigenvalue_error(std::span<const double> sigma,
                                      std::int64_t long_side) noexcept;

/// Why columns of compat mode may differ from those of an SVD by more than the promised digits;
/// empty if none does.
///
/// Each eigenvalue is taken to be off by as much as eigenvalue_error says. The numbers are those
/// of `options`, and of the same options with `clip_xmax`, with `xmin_peak` and with
/// WeightWatcher's Marchenko-Pastur fit, so that a refit with those keeps the digits too.
/// @param gram  a spectrum by Method::gram, with its values
[[nodiscard]] std::string why_not_by_gram(const Matrix& matrix, const Spectrum& gram,
                                          const FitOptions& options);

/// The first promised column in which two compat rows of one matrix differ by more than its digits;
/// empty if there is none. `sv_min` is compared in units of `sv_max`.
[[nodiscard]] std::string column_apart(const LayerRow& a, const LayerRow& b);

/// True if errors of up to `delta` in each value cannot change which value the scan of
/// scan_power_law, with its default options, takes as xmin, and leave alpha and D their digits.
///
/// With r = delta / x_k, a candidate's logarithms ln(x / x_k) are off by at most 2 r, so that alpha
/// is by 2 r (alpha - 1)^2 and D by 2 r (alpha - 1), to first order. Every other candidate's D must
/// be larger than the smallest by more than twice what both may be off.
/// @param ascending  positive, finite, ascending
[[nodiscard]] bool scan_is_certain(std::span<const double> ascending, double delta);

}  // namespace wishart::fit
