#pragma once

/// @file
/// Inside of the module: the density of a layer's eigenvalues, and the laws that are drawn beside
/// it.
///
/// Values and densities are decimal logarithms: eigenvalues are squares, and the square of a number
/// that a double holds may not fit into one.

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

#include "plot.hpp"

namespace wishart::report {

/// The logarithm of nothing.
inline constexpr double kNone = -std::numeric_limits<double>::infinity();

/// Eigenvalues further below the largest are counted, not drawn: they would press all others
/// together.
inline constexpr double kMostDecades = 8;

struct Histogram {
  double first = 0;  ///< lower end of the first bin
  double step = 0;
  std::vector<double> density;  ///< kNone where a bin is empty
  std::size_t left_out = 0;     ///< values that are too small to be drawn
  double least = kNone;         ///< these are not above it
};

/// Bins of equal width on the logarithmic axis; their number by Rice's rule. Densities are over the
/// eigenvalue and count all of them, so that the bins hold the share that is not left out. No bins
/// if none is above `floor` and not zero.
/// @param sigma  singular values, ascending
[[nodiscard]] Histogram histogram_of(const std::vector<double>& sigma, double floor);

/// The fitted law from xmin to xmax; to infinity it holds the share of the eigenvalues that it was
/// fitted to. Empty if there is no fit.
[[nodiscard]] std::vector<Point> tail_of(const LayerRow& layer, const std::vector<double>& sigma);

/// The ends of the bulk, and what to call it.
struct Bulk {
  double low = kNan;
  double high = kNan;
  double share = 1;  ///< of the eigenvalues, those in it
  std::string name;
};

/// What is left without the spikes; where that is not known, the bulk of independent elements with
/// the same sum of squares.
[[nodiscard]] Bulk bulk_of(const LayerRow& layer);

/// The density of Marchenko and Pastur, which its two ends determine, as far as it lies above
/// `least`. Empty if they are not known.
[[nodiscard]] std::vector<Point> curve_of(const Bulk& bulk, double least);

}  // namespace wishart::report
