#pragma once

/// @file
/// Compares the spectrum of a matrix with its spectra after putting the elements in random order.

#include <span>
#include <vector>

#include "wishart/fit/options.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/weight_measures.hpp"

namespace wishart::fit {

/// Fills in the traps and the rand_* columns, which follow WeightWatcher's definitions, taken over
/// all orders (docs/metrics-methods.md, "Elements in random order").
/// @param sigma  singular values of the matrix, ascending; not all zero
/// @param permuted  singular values for each random order, view by view, each ascending; at least
///   one order
/// @param view_means  of the elements of each view
void measure_randomised(WeightMeasures& measures, const Matrix& matrix,
                        std::span<const double> sigma,
                        std::span<const std::vector<double>> permuted,
                        std::span<const double> view_means, const FitOptions& options);

}  // namespace wishart::fit
