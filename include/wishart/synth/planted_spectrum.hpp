#pragma once

/// @file
/// The singular values that are planted: a Marchenko-Pastur bulk, a power-law tail, outliers.

#include <cstdint>
#include <vector>

namespace wishart::synth {

/// The composition of a spectrum.
struct SpectrumRecipe {
  double alpha = 3.0;        ///< exponent of the tail's density, > 1
  double tail_share = 0.25;  ///< share of the eigenvalues in the tail, 0 .. 1
  std::int64_t spikes = 0;   ///< eigenvalues above the tail
  friend bool operator==(const SpectrumRecipe&, const SpectrumRecipe&) = default;
};

/// Singular values of a matrix whose elements have a root mean square of 1, and the true values of
/// what a fit should find. Eigenvalues are squares of singular values, as everywhere in wishart.
struct PlantedSpectrum {
  std::vector<double> sigma;  ///< ascending
  double xmin = 0;            ///< smallest eigenvalue of the tail; 0 without a tail
  std::int64_t num_tail = 0;  ///< eigenvalues of the tail, without the spikes
  std::int64_t spikes = 0;
  /// The maximum-likelihood estimate for the values from xmin on: the recipe's alpha, or less if
  /// there are spikes; 0 without a tail.
  double alpha_fit = 0;
};

/// The quantiles (i + 1/2) / count of the Marchenko-Pastur law of variance 1 and aspect ratio
/// Q = N / M >= 1, ascending.
[[nodiscard]] std::vector<double> marchenko_pastur_quantiles(std::int64_t count, double q);

/// The spectrum of a matrix of this shape.
/// @pre rows >= 1, cols >= 1, alpha > 1, 0 <= tail_share <= 1, spikes >= 0
[[nodiscard]] PlantedSpectrum planted_spectrum(std::int64_t rows, std::int64_t cols,
                                               const SpectrumRecipe& recipe);

/// A bound on |stored - planted| for every singular value of a rows x cols matrix whose elements
/// have root mean square `rms` and are stored with `precision_bits` of significand (BF16 8, F16 11,
/// F32 24): Weyl's inequality, with the spectral norm of rounding errors. docs/synth.md.
[[nodiscard]] double rounding_bound(std::int64_t rows, std::int64_t cols, double rms,
                                    int precision_bits);

}  // namespace wishart::synth
