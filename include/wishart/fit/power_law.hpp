#pragma once

/// @file
/// The power-law fit of a tail: maximum likelihood for the exponent, exhaustive choice of xmin.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace wishart::fit {

/// A tail of the scan: where it begins, its exponent, and its distance from a power law.
struct Tail {
  double xmin = 0;  ///< one of the values
  double alpha = 0;
  double D = 0;  ///< largest |fit - ECDF| with the lower step of the ECDF, as WeightWatcher
};

/// p(x) ~ x^-alpha for x >= xmin, fitted to the values at or above xmin.
///
/// Clauset, Shalizi, Newman, SIAM Review 51 (2009) 661, eq. 3.1 for alpha and 3.2 for its error.
struct PowerLaw {
  double alpha = 0;  ///< may be +inf where all values of the tail are equal (compat mode)
  double xmin = 0;   ///< one of the values
  double xmax = 0;   ///< the largest value
  double D = 0;      ///< largest |fit - ECDF| with the lower step of the ECDF, as WeightWatcher
  double D_ks = 0;   ///< the same over both steps: the Kolmogorov-Smirnov distance
  double sigma = 0;  ///< (alpha - 1) / sqrt(num_tail)
  std::int64_t num_tail = 0;  ///< values >= xmin
};

struct ScanOptions {
  std::int64_t min_tail = 2;  ///< smallest tail that is a candidate
  bool skip_repeated =
      false;  ///< one candidate for each distinct value; none where alpha is not finite
};

/// Tries as xmin every value that leaves a tail of at least `min_tail`, and keeps the one with the
/// smallest D. Ties go to the smallest xmin.
///
/// The result is the same, to the last bit, as computing every D in full, at a small part of the
/// cost.
/// @param ascending  positive, finite, ascending
/// @return nothing if no candidate is left
[[nodiscard]] std::optional<PowerLaw> scan_power_law(std::span<const double> ascending,
                                                     const ScanOptions& options);

/// The best of the candidates whose alpha is more than `alpha_apart` from that of `fit` and whose D
/// is at most `D_apart` larger: an alternative that the data hardly distinguish from the fit.
[[nodiscard]] std::optional<Tail> rival_tail(std::span<const double> ascending,
                                             const ScanOptions& options, const PowerLaw& fit,
                                             double D_apart, double alpha_apart);

/// D_ks of a fit whose xmin was chosen in another way: over both steps of the ECDF of its tail.
/// @pre fit.xmin is one of the values, fit.alpha the exponent of its tail
[[nodiscard]] double two_sided_distance(std::span<const double> ascending, const PowerLaw& fit);

/// All candidates of the scan, by ascending xmin.
[[nodiscard]] std::vector<Tail> scan_curve(std::span<const double> ascending,
                                           const ScanOptions& options);

}  // namespace wishart::fit
