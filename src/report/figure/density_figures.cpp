#include "figure/density_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "wishart/report/report.hpp"

#include "figure/density.hpp"
#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidthPx = 380;
constexpr double kHeightPx = 260;
constexpr double kTicksPx = 58;
constexpr double kRoom = 0.3;  ///< above the highest bin and below the lowest
/// A curve is cut if it rises this far above the highest bin, like a bulk that fits badly or that
/// diverges at 0.
constexpr double kMostAboveBins = 1;

constexpr std::size_t kValues = 0;
constexpr std::size_t kTail = 1;
constexpr std::size_t kBulk = 2;

/// The outline of the bins; empty bins are at `bottom`.
std::vector<Point> outline(const Histogram& bins, double bottom) {
  std::vector<Point> points{{bins.first, bottom}};
  for (std::size_t k = 0; k < bins.density.size(); ++k) {
    const double left = bins.first + static_cast<double>(k) * bins.step;
    const double top = std::max(bins.density[k], bottom);
    points.push_back({left, top});
    points.push_back({left + bins.step, top});
  }
  points.push_back({points.back().x, bottom});
  return points;
}

/// The points of a curve between two heights.
std::vector<Point> between(std::vector<Point> points, double low, double high) {
  std::erase_if(points, [&](const Point& point) { return !(low <= point.y && point.y <= high); });
  return points;
}

/// The same, with points below `bottom` moved to it, because a bulk falls to 0 at its ends.
std::vector<Point> down_to(std::vector<Point> points, double bottom, double high) {
  for (Point& point : points) point.y = std::max(point.y, bottom);
  return between(std::move(points), bottom, high);
}

double highest(const std::vector<Point>& points) {
  double high = kNone;
  for (const Point& point : points) high = std::max(high, point.y);
  return high;
}

std::string values_name(const Histogram& bins, std::size_t count) {
  return plural(static_cast<std::int64_t>(count), "eigenvalue") +
         (bins.left_out == 0 ? ""
                             : ", " + std::to_string(bins.left_out) + " of them below " +
                                   number(std::pow(10.0, bins.least), 2) + " not drawn");
}

/// The figure of a layer; empty if none of its eigenvalues is above the floor.
std::optional<Figure> density_figure(const LayerRow& layer, const std::vector<double>& sigma,
                                     std::size_t i) {
  const Histogram bins = histogram_of(sigma, layer.fit_floor);
  if (bins.density.empty()) return std::nullopt;
  double bottom = std::numeric_limits<double>::infinity();
  double top = kNone;
  for (const double density : bins.density) {
    if (density > kNone) bottom = std::min(bottom, density);
    top = std::max(top, density);
  }
  const Bulk bulk = bulk_of(layer);
  const std::vector<Point> law = curve_of(bulk, bins.first);
  const std::vector<Point> tail = tail_of(layer, sigma);
  bottom -= kRoom;
  top =
      std::max(top, std::min(std::max(highest(law), highest(tail)), top + kMostAboveBins)) + kRoom;
  double last = bins.first + bins.step * static_cast<double>(bins.density.size());
  if (!law.empty()) last = std::max(last, law.back().x);
  Plot plot(log_axis("eigenvalue", bins.first - bins.step / 2, last + bins.step / 2),
            log_axis("", bottom, top), kWidthPx, kHeightPx, kTicksPx);
  plot.area(outline(bins, bottom), kValues);
  std::vector<std::string> names{values_name(bins, sigma.size()), "no power law", "no bulk"};
  if (!law.empty()) {
    plot.line(down_to(law, bottom, top), kBulk);
    names[kBulk] = bulk.name;
  }
  if (!tail.empty()) {
    plot.line(between(tail, bottom, top), kTail);
    plot.mark(tail.front().x);
    names[kTail] = std::string(std::isnan(layer.Lambda) ? "power law" : "truncated power law") +
                   ", alpha " + number(layer.alpha) + " above " + number(layer.xmin);
  }
  return plot.figure("fig-density-" + std::to_string(i),
                     layer.key + (layer.warning.empty() ? "" : ": " + layer.warning), names);
}

}  // namespace

std::vector<Figure> density_figures(const CheckpointRecord& record) {
  std::vector<Figure> figures;
  for (const std::size_t i : layers_to_draw(record.layers, record.layers.size())) {
    if (i >= record.spectra.size() || record.spectra[i].sigma.empty()) continue;
    if (auto figure = density_figure(record.layers[i], record.spectra[i].sigma, i)) {
      figures.push_back(*std::move(figure));
    }
  }
  return figures;
}

}  // namespace wishart::report
