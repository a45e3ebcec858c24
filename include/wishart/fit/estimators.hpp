#pragma once

/// @file
/// Estimators of alpha that do not choose xmin by minimising a distance.

#include <cstdint>
#include <span>

namespace wishart::fit {

/// All are given as alpha, the exponent of the density, which is 1 + 1 / gamma for a tail index
/// gamma. NaN if they do not exist: also if the values are equal but for rounding, by a mean
/// logarithmic gap below 1e-9.
struct TailEstimates {
  double hill = 0;      ///< the upper half of the values: PL_Alpha_Hill of TempBalance
  double moment = 0;    ///< Dekkers, Einmahl, de Haan, Ann. Statist. 17 (1989) 1833, eq. 1.7
  double pickands = 0;  ///< Pickands, Ann. Statist. 3 (1975) 119, eq. 4
  double quantile = 0;  ///< maximum likelihood with xmin the 90 % quantile
};

/// Hill's estimate over the upper half: with i = floor(n / 2), 1 + (n - i) / sum over j >= i of (ln
/// x_j - ln x_i). The median is the fixed xmin (Zhou et al., TempBalance, NeurIPS 2023, arXiv
/// 2312.00359, code). NaN as in TailEstimates.
[[nodiscard]] double hill_alpha(std::span<const double> ascending);

/// All four estimates, from positive ascending values. The number k of upper values is n / 2 for
/// Hill, n / 10 for the moment estimator and the quantile, and 4 k = n / 2 for Pickands.
[[nodiscard]] TailEstimates tail_estimates(std::span<const double> ascending);

}  // namespace wishart::fit
