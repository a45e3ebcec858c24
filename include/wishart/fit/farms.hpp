#pragma once

/// @file
/// alpha from windows of one aspect ratio, which removes the influence of the matrix's shape.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/fit/options.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/weight_measures.hpp"

namespace wishart::fit {

/// A part of a view.
struct WindowPlace {
  std::int64_t view = 0;
  std::int64_t row = 0;
  std::int64_t col = 0;
};

/// Windows of the same shape that cover a matrix.
struct Windows {
  Matrix shape;  ///< a matrix with a view for each window, with the windows' rows and columns
  std::vector<WindowPlace> places;
};

/// Cuts every view into the largest windows whose sides have the ratio `aspect`. If the view is
/// longer than that, a window has the view's short side, and aspect times that along the long side.
/// Otherwise it has the view's long side, and 1/aspect times that along the short side. There are
/// just enough windows to cover the view, spread evenly, so they may overlap.
///
/// After FARMS (Hu et al., ICML 2025, arXiv 2506.06280): long matrices appear heavier-tailed or
/// lighter-tailed than square ones with the same training. Windows of one aspect ratio are
/// comparable.
/// @pre aspect >= 1
[[nodiscard]] Windows fixed_aspect_windows(const Matrix& matrix, double aspect);

/// Fills in the farms_* columns: Hill's estimate and the scan, over the eigenvalues of all windows
/// together.
/// @param sigma  singular values of all windows, ascending
/// @param floor_sigma  values up to it are not resolved
void measure_farms(WeightMeasures& measures, const Windows& windows, std::span<const double> sigma,
                   double floor_sigma, const FitOptions& options);

}  // namespace wishart::fit
