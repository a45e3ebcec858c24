#pragma once

/// @file
/// Computes the metrics of a layer from its spectrum. Pure functions; docs/metrics.md has the
/// formulas.

#include "wishart/fit/options.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::fit {

/// The row of the layer table for `matrix` with `spectrum`. The caller sets `layer_id`.
///
/// A spectrum that is not ok gives a row without metrics whose status is `nonfinite` or `error`.
[[nodiscard]] LayerRow layer_row(const Matrix& matrix, const Spectrum& spectrum,
                                 const FitOptions& options);

/// Fills in all columns that say what the matrix is, whatever its spectrum: a row that is taken
/// over from another checkpoint needs them anew.
void describe(LayerRow& row, const Matrix& matrix);

/// Recomputes all metrics from an archived row and its singular values. A row without singular
/// values is returned unchanged.
[[nodiscard]] LayerRow refitted_row(const LayerRow& archived, const StoredSpectrum& spectrum,
                                    const FitOptions& options);

/// Fills in the columns of spectrum_shape.hpp of a row from an archive that does not have them. The
/// rest of the row stays as it is, and so does a row without singular values.
void complete_shape(LayerRow& archived, const StoredSpectrum& stored);

}  // namespace wishart::fit
