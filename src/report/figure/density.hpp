#pragma once

/// @file
/// Internal: the density of a layer's eigenvalues, and the laws drawn with it.
///
/// Values and densities are decimal logarithms, because eigenvalues are squares, and the square of
/// a double may overflow.

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

#include "figure/plot.hpp"

namespace wishart::report {

/// The logarithm of 0.
inline constexpr double kNone = -std::numeric_limits<double>::infinity();

/// Eigenvalues more than this below the largest are counted but not drawn, because they would
/// compress all others.
inline constexpr double kMostDecades = 8;

struct Histogram {
  double first = 0;  ///< lower end of the first bin
  double step = 0;
  std::vector<double> density;  ///< kNone for an empty bin
  std::size_t left_out = 0;     ///< number of values that are too small to be drawn
  double least = kNone;         ///< values up to this are left out
};

/// Bins of equal width on the logarithmic axis; their number follows Rice's rule. Densities are per
/// unit of the eigenvalue and normalised by the number of all values, so the bins add up to the
/// share that is not left out. There are no bins if no value is above `floor` and 0.
/// @param sigma  singular values, ascending
[[nodiscard]] Histogram histogram_of(const std::vector<double>& sigma, double floor);

/// The fitted law from xmin to xmax. Its integral to infinity is the share of the eigenvalues that
/// it was fitted to. Empty if there is no fit.
[[nodiscard]] std::vector<Point> tail_of(const LayerRow& layer, const std::vector<double>& sigma);

/// The ends of the bulk, and its name in the legend.
struct Bulk {
  double low = kNan;
  double high = kNan;
  double share = 1;  ///< share of the eigenvalues in it
  std::string name;
};

/// The bulk without the spikes; if it is not known, that of independent elements with the same sum
/// of squares.
[[nodiscard]] Bulk bulk_of(const LayerRow& layer);

/// The Marchenko-Pastur density with these ends, where x is above `least`. Empty if the ends are
/// not known.
[[nodiscard]] std::vector<Point> curve_of(const Bulk& bulk, double least);

}  // namespace wishart::report
