#pragma once

/// @file
/// From a spectrum to the metrics of its layer. Pure functions; docs/metrics.md has the formulas.

#include "wishart/fit/options.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::fit {

/// The row of the layer table for `matrix` with `spectrum`; `layer_id` is left for the caller.
///
/// A spectrum that is not ok gives a row without metrics whose status is `nonfinite` or `error`.
[[nodiscard]] LayerRow layer_row(const Matrix& matrix, const Spectrum& spectrum,
                                 const FitOptions& options);

/// The same from a row of an archive and its singular values: all metrics again. A row without
/// singular values comes back as it is.
[[nodiscard]] LayerRow refitted_row(const LayerRow& archived, const StoredSpectrum& spectrum,
                                    const FitOptions& options);

}  // namespace wishart::fit
