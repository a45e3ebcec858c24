#pragma once

/// @file
/// What the spectra of a matrix with its elements in random order say about its own.

#include <span>
#include <vector>

#include "wishart/fit/options.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/weight_measures.hpp"

namespace wishart::fit {

/// Fills in the rand_* columns, WeightWatcher's definitions over all orders, and the traps
/// (docs/metrics.md, "Elements in random order").
/// @param sigma  singular values of the matrix, ascending; not all zero
/// @param permuted  those of each random order, ascending; at least one order
/// @param mean  of the elements
void measure_randomised(WeightMeasures& measures, const Matrix& matrix,
                        std::span<const double> sigma,
                        std::span<const std::vector<double>> permuted, double mean,
                        const FitOptions& options);

}  // namespace wishart::fit
