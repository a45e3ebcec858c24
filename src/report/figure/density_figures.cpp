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

/// Where the laws and the values lie.
struct Frame {
  double bottom = 0;
  double top = 0;
  double last = 0;  ///< right end
};

Frame frame_of(const Histogram& bins, const std::vector<Point>& law,
               const std::vector<Point>& tail) {
  Range range;
  for (const double density : bins.density) {
    if (density > kNone) range.add(density);
  }
  Frame frame;
  frame.bottom = range.low - kRoom;
  frame.top = std::max(range.high, std::min(std::max(highest(law), highest(tail)),
                                            range.high + kMostAboveBins)) +
              kRoom;
  frame.last = bins.first + bins.step * static_cast<double>(bins.density.size());
  if (!law.empty()) frame.last = std::max(frame.last, law.back().x);
  return frame;
}

std::string tail_name(const LayerRow& layer) {
  return std::string(std::isnan(layer.Lambda) ? "power law" : "truncated power law") + ", alpha " +
         number(layer.alpha) +
         (std::isfinite(layer.alpha_low)
              ? " (90 %: " + number(layer.alpha_low, 3) + " to " + number(layer.alpha_high, 3) + ")"
              : "") +
         " above " + number(layer.xmin);
}

/// The figure of a layer; empty if none of its eigenvalues is above the floor.
std::optional<Figure> drawn_density(const LayerRow& layer, const std::vector<double>& sigma,
                                    std::size_t i) {
  const Histogram bins = histogram_of(sigma, layer.fit_floor);
  if (bins.density.empty()) return std::nullopt;
  const Bulk bulk = bulk_of(layer);
  const std::vector<Point> law = curve_of(bulk, bins.first);
  const std::vector<Point> tail = tail_of(layer, sigma);
  const Frame frame = frame_of(bins, law, tail);
  Canvas canvas(kWidthPx, kHeightPx);
  Plot plot(canvas, {0, 0, kWidthPx, kHeightPx},
            log_axis("eigenvalue", bins.first - bins.step / 2, frame.last + bins.step / 2),
            log_axis("density", frame.bottom, frame.top),
            {.left = kTicksPx, .right = 12, .top = 22, .bottom = 36});
  Figure figure;
  figure.id = "fig-density-" + std::to_string(i);
  figure.name = "spectrum";
  figure.caption = layer.key + (layer.warning.empty() ? "" : ": " + layer.warning);
  plot.area(outline(bins, frame.bottom), kValues);
  figure.legend.push_back({kValues, values_name(bins, sigma.size()), LegendMark::area});
  if (!tail.empty()) {
    const double rival = layer.rival_xmin > 0 ? std::log10(layer.rival_xmin) : kNan;
    if (std::isfinite(rival)) {
      plot.band_of_x(std::min(rival, tail.front().x), std::max(rival, tail.front().x));
    }
    plot.line(between(tail, frame.bottom, frame.top), kTail);
    plot.mark(tail.front().x, "xmin");
    figure.legend.push_back({kTail, tail_name(layer), LegendMark::line});
    if (std::isfinite(rival)) {
      figure.legend.push_back({0,
                               "xmin " + number(layer.rival_xmin) + " fits nearly as well, alpha " +
                                   number(layer.rival_alpha, 3),
                               LegendMark::band});
    }
  } else {
    figure.legend.push_back({kTail, "no power law", LegendMark::line});
  }
  if (!law.empty()) plot.line(down_to(law, frame.bottom, frame.top), kBulk);
  figure.legend.push_back({kBulk, law.empty() ? "no bulk" : bulk.name, LegendMark::line});
  if (layer.weights.num_rand > 0 && layer.weights.max_rand_eval > 0) {
    const double at = std::log10(layer.weights.max_rand_eval);
    plot.mark(at, "random", 1);
    figure.legend.push_back({0,
                             "random: the largest eigenvalue in " +
                                 plural(layer.weights.num_rand, "random order") +
                                 " of the elements, " + number(layer.weights.max_rand_eval),
                             LegendMark::dashed});
  }
  for (const LegendEntry& entry : figure.legend) {
    figure.description += (figure.description.empty() ? "" : "; ") + entry.name;
  }
  figure.description += ".";
  figure.svg = canvas.svg(figure.caption, figure.description);
  return figure;
}

}  // namespace

std::vector<Figure> density_figures(const CheckpointRecord& record) {
  std::vector<Figure> figures;
  for (const std::size_t i : layers_to_draw(record.layers, record.layers.size())) {
    if (auto figure = density_figure(record, i)) figures.push_back(*std::move(figure));
  }
  return figures;
}

std::optional<Figure> density_figure(const CheckpointRecord& record, std::size_t layer) {
  if (layer >= record.spectra.size() || record.spectra[layer].sigma.empty()) return std::nullopt;
  return drawn_density(record.layers[layer], record.spectra[layer].sigma, layer);
}

}  // namespace wishart::report
