#pragma once

/// @file
/// alpha without the influence of the matrix's shape: from windows of one aspect ratio.

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

/// Windows of a matrix, all of one shape, that cover it.
struct Windows {
  Matrix shape;  ///< a matrix of as many views as there are windows, of their rows and columns
  std::vector<WindowPlace> places;
};

/// Cuts every view into the largest windows whose sides have the ratio `aspect`: where the view is
/// longer than that, windows of its short side and of aspect times it along the long one; else of
/// its long side and of 1/aspect times it along the short one. They are spread evenly, as many as
/// cover the view, and overlap by what is too much.
///
/// After FARMS (Hu et al., ICML 2025, arXiv 2506.06280): long matrices look heavier-tailed or
/// lighter than square ones of the same training; windows of one aspect ratio are comparable.
/// @pre aspect >= 1
[[nodiscard]] Windows fixed_aspect_windows(const Matrix& matrix, double aspect);

/// Fills in the farms_* columns: Hill's estimate and the scan, over the eigenvalues of all windows
/// together.
/// @param sigma  singular values of all windows, ascending
/// @param floor_sigma  those up to it are not resolved
void measure_farms(WeightMeasures& measures, const Windows& windows, std::span<const double> sigma,
                   double floor_sigma, const FitOptions& options);

}  // namespace wishart::fit
