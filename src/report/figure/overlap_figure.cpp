#include "figure/overlap_figure.hpp"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "wishart/core/text.hpp"

#include "figure/axis.hpp"
#include "figure/depth.hpp"
#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 760;
constexpr double kHighPx = 260;

/// The colour of each role that has a value.
std::map<std::string, std::size_t> colours_of(const std::vector<LayerRow>& layers) {
  std::map<std::string, std::size_t> colours;
  for (const LayerRow& layer : layers) {
    if (std::isfinite(layer.weights.top_overlap)) colours.emplace(layer.role, 0);
  }
  std::size_t next = 0;
  for (auto& [role, colour] : colours) colour = next++;
  return colours;
}

std::vector<LegendEntry> legend_of(const std::map<std::string, std::size_t>& colours) {
  std::vector<LegendEntry> legend;
  for (const auto& [role, colour] : colours) {
    if (colour + 1 < kSeriesColours || colours.size() <= kSeriesColours) {
      legend.push_back({colour, role});
    } else if (colour + 1 == kSeriesColours) {
      legend.push_back({colour, "other roles"});
    }
  }
  return legend;
}

}  // namespace

std::vector<Figure> overlap_figure(const std::vector<LayerRow>& layers) {
  std::vector<Place> all;
  for (const LayerRow& layer : layers) {
    if (std::isfinite(layer.weights.top_overlap)) all.push_back({layer.stack, layer.block});
  }
  if (all.empty()) return {};
  const Depth depth(std::move(all));
  const std::map<std::string, std::size_t> colours = colours_of(layers);
  Canvas canvas(kWidePx, kHighPx);
  Axis x = names_axis(depth.axis_label(), depth.labels(), depth.size(), false);
  Plot plot(canvas, {0, 0, kWidePx, kHighPx}, std::move(x),
            roomy_axis("overlap with the base, 1: the same directions", 0, 1),
            {.left = 40, .right = 12, .top = 22, .bottom = 36});
  Range range;
  std::string worst;
  const auto roles = static_cast<double>(colours.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerRow& layer = layers[i];
    const double overlap = layer.weights.top_overlap;
    if (!std::isfinite(overlap)) continue;
    if (overlap < range.low) worst = layer.key;
    range.add(overlap);
    const std::size_t colour = colours.at(layer.role);
    // Roles stand beside each other in their block, so that none hides another.
    const double aside = 0.7 * ((static_cast<double>(colour) + 0.5) / roles - 0.5);
    plot.dot({static_cast<double>(depth.index_of(layer.stack, layer.block)) + aside, overlap},
             colour,
             {layer.key + ": overlap " + number(overlap, 3) + " of " +
                  plural(layer.weights.num_top, "direction"),
              static_cast<std::int64_t>(i), ""});
  }
  Figure figure;
  figure.id = "fig-overlap";
  figure.name = "overlap";
  figure.caption = "overlap of the leading singular subspaces with those of the base, by depth";
  figure.description =
      "From " + number(range.low, 3) + " (" + worst + ") to " + number(range.high, 3) + ".";
  figure.svg = canvas.svg(figure.caption, figure.description);
  figure.legend = legend_of(colours);
  return {std::move(figure)};
}

}  // namespace wishart::report
