#pragma once

/// @file
/// The power-law fit of a tail: maximum likelihood for the exponent, exhaustive choice of xmin.

#include <cstdint>
#include <optional>
#include <span>

namespace wishart::fit {

/// p(x) ~ x^-alpha for x >= xmin, fitted to the values at or above xmin.
///
/// Clauset, Shalizi, Newman, SIAM Review 51 (2009) 661, eq. 3.1 for alpha and 3.2 for its error.
struct PowerLaw {
  double alpha = 0;  ///< may be +inf where all values of the tail are equal (compat mode)
  double xmin = 0;   ///< one of the values
  double xmax = 0;   ///< the largest value
  double D = 0;      ///< largest |fit - ECDF| with the lower step of the ECDF, as WeightWatcher
  double sigma = 0;  ///< (alpha - 1) / sqrt(num_tail)
  std::int64_t num_tail = 0;  ///< values >= xmin
};

struct ScanOptions {
  std::int64_t min_tail = 2;  ///< smallest tail that is a candidate
  bool skip_repeated =
      false;  ///< one candidate for each distinct value; none where alpha is not finite
};

/// Tries every value that leaves a tail of at least `min_tail` as xmin and keeps the one with the
/// smallest D; of equals, the smallest xmin.
///
/// @param ascending  positive, finite, ascending
/// @return nothing if no candidate is left
[[nodiscard]] std::optional<PowerLaw> scan_power_law(std::span<const double> ascending,
                                                     const ScanOptions& options);

}  // namespace wishart::fit
