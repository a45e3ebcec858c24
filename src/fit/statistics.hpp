#pragma once

/// @file
/// The columns of the layer table that both modes fill in the same way, by subject.

#include <optional>
#include <span>

#include "wishart/fit/options.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// The power law selected by the options, and the values it was fitted to.
struct TailFit {
  PowerLaw fit;
  std::span<const double> fitted;  ///< above the floor, without clipped values
};

/// The fit selected by `options`: scan, clip_xmax, xmin_peak, or without the largest `xmax` values.
/// Fills raw_alpha and num_fingers.
/// @return nothing if there is none
[[nodiscard]] std::optional<TailFit> fit_tail(std::span<const double> above_floor,
                                              const ScanOptions& scan, const FitOptions& options,
                                              LayerRow& row);

/// D_ks, interval, goodness of fit, rival, outliers.
void fill_certainty(LayerRow& row, const TailFit& tail, const ScanOptions& scan,
                    const FitOptions& options);

/// The other laws on the fitted tail, and the estimators without a scan.
void fill_laws(LayerRow& row, const TailFit& tail);

/// With `--fit TPL` or `E_TPL`, replaces alpha, D and Lambda by those of the truncated power law.
void take_truncated(LayerRow& row, const TailFit& tail, const FitOptions& options);

/// detX, and how the tail of the fit relates to it.
void fill_erg(LayerRow& row, std::span<const double> lambda, bool weightwatcher);

/// Effective ranks, nuclear norm and signal-to-noise ratio.
/// @pre the row has M, N, sv_max and floor_sigma
void fill_shape(LayerRow& row, std::span<const double> sigma);

/// Marchenko-Pastur fits and the null model.
/// @pre the largest eigenvalue is positive
void fill_random_matrix(LayerRow& row, std::span<const double> lambda, const FitOptions& options);

}  // namespace wishart::fit
