#pragma once

/// @file
/// The columns of the layer table that both modes fill alike, subject by subject.

#include <optional>
#include <span>

#include "wishart/fit/options.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::fit {

/// A power law as the options ask for it, and what it was fitted to.
struct TailFit {
  PowerLaw fit;
  std::span<const double> fitted;  ///< above the floor, without what was clipped
};

/// The fit that `options` ask for: scan, clip_xmax, xmin_peak, or without the largest `xmax`
/// values. Fills raw_alpha and num_fingers.
/// @return nothing if there is none
[[nodiscard]] std::optional<TailFit> fit_tail(std::span<const double> above_floor,
                                              const ScanOptions& scan, const FitOptions& options,
                                              LayerRow& row);

/// D_ks, interval, goodness of fit, rival, outliers.
void fill_certainty(LayerRow& row, const TailFit& tail, const ScanOptions& scan,
                    const FitOptions& options);

/// The other laws on the fitted tail, and the estimators without a scan.
void fill_laws(LayerRow& row, const TailFit& tail);

/// With `--fit TPL` or `E_TPL` alpha, D and Lambda of the truncated power law take the place of the
/// power law's.
void take_truncated(LayerRow& row, const TailFit& tail, const FitOptions& options);

/// detX and what the tail of the fit says about it.
void fill_erg(LayerRow& row, std::span<const double> lambda, bool weightwatcher);

/// Marchenko-Pastur fits and the null model.
/// @pre the largest eigenvalue is positive
void fill_random_matrix(LayerRow& row, std::span<const double> lambda, const FitOptions& options);

}  // namespace wishart::fit
