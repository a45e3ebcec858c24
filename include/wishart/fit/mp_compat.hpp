#pragma once

/// @file
/// WeightWatcher 0.7.5.5's fit of the Marchenko-Pastur law, defects included: for comparison only.

#include <cstdint>
#include <span>

namespace wishart::fit {

/// Its columns, under its names (docs/metrics.md).
struct CompatBulkFit {
  std::int64_t num_spikes = 0;
  double sigma_mp = 0;  ///< for eigenvalues rescaled to mean 1
  double mp_softrank = 0;
  double W_scale = 0;
  double bulk_max = 0;  ///< on the scale of the eigenvalues
  double bulk_min = 0;
  bool at_bound =
      false;  ///< the best sigma is the lowest of the grid, so the numbers are meaningless
};

/// 1. Eigenvalues are divided by their mean; for a square matrix their square roots are taken. 2.
/// Their density is estimated with a triangular kernel of half-width 0.1 at 1000 points from 0 to
/// max + 0.5; only points where it exceeds 0.01 are used. 3. sigma minimises the sum of squared
/// differences from the law's density: over a grid from 0.05 to 2 times sqrt(max) / (1 + Q^-1/2),
/// then by Nelder and Mead's method. A law that does not reach the peak or the largest point gets
/// 1000 at each point. For a square matrix sigma scales the height of a quarter circle only. 4. A
/// spike lies above bulk_max + sqrt(Q^-1/2 bulk_max^(2/3) M^(-2/3)).
/// @pre 1 <= short_side <= long_side, the largest value is positive
[[nodiscard]] CompatBulkFit compat_bulk_fit(std::span<const double> ascending,
                                            std::int64_t long_side, std::int64_t short_side);

}  // namespace wishart::fit
