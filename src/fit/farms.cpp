#include "wishart/fit/farms.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/fit/estimators.hpp"
#include "wishart/fit/no_tail.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/spectrum_shape.hpp"

namespace wishart::fit {

Windows fixed_aspect_windows(const Matrix& matrix, double aspect) {
  require(aspect >= 1, "the aspect ratio of windows must be at least 1");
  const std::int64_t n = matrix.long_side();
  const std::int64_t m = matrix.short_side();
  // The cut side of a window, computed from the side that stays whole.
  const auto scaled = [](std::int64_t side, double factor) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(side) * factor));
  };
  const bool along = static_cast<double>(n) >= aspect * static_cast<double>(m);
  const std::int64_t whole = along ? n : m;  // the side that is cut
  const std::int64_t part = std::min(whole, along ? scaled(m, aspect) : scaled(n, 1 / aspect));
  const std::int64_t count = (whole + part - 1) / part;
  const bool rows_are_cut = (matrix.rows >= matrix.cols) == along;
  Windows windows;
  windows.shape = matrix;
  (rows_are_cut ? windows.shape.rows : windows.shape.cols) = part;
  windows.shape.views.assign(static_cast<std::size_t>(count * matrix.num_views()), View{});
  for (std::int64_t view = 0; view < matrix.num_views(); ++view) {
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t begin = count > 1 ? k * (whole - part) / (count - 1) : 0;
      windows.places.push_back({view, rows_are_cut ? begin : 0, rows_are_cut ? 0 : begin});
    }
  }
  return windows;
}

void measure_farms(WeightMeasures& measures, const Windows& windows, std::span<const double> sigma,
                   double floor_sigma, const FitOptions& options) {
  measures.num_farms = static_cast<std::int64_t>(windows.places.size());
  if (sigma.empty()) return;
  const double resolved = resolved_above(floor_sigma, sigma.back(), windows.shape.long_side());
  const double floor = options.weightwatcher ? kWeightWatcherFloor : std::pow(resolved, 2);
  std::vector<double> lambda;
  for (const double value : sigma) {
    if (value * value > floor) lambda.push_back(value * value);
  }
  const ScanOptions scan = options.weightwatcher
                               ? ScanOptions{}
                               : ScanOptions{.min_tail = kMinTail, .skip_repeated = true};
  if (std::ssize(lambda) < scan.min_tail) return;
  const auto fit = scan_power_law(lambda, scan);
  const Shape shape{windows.shape.long_side(), windows.shape.short_side(), measures.num_farms};
  if (!options.weightwatcher && fit && !why_no_tail(lambda, shape, fit->alpha).empty()) return;
  measures.farms_hill = hill_alpha(lambda);
  if (fit) measures.farms_alpha = fit->alpha;
}

}  // namespace wishart::fit
