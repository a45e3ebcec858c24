#include "figure/overlap_figure.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "wishart/core/text.hpp"

#include "figure/axis.hpp"
#include "figure/depth.hpp"
#include "figure/plot.hpp"
#include "figure/role_colours.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 760;
constexpr double kHighPx = 260;

}  // namespace

std::vector<Figure> overlap_figure(const std::vector<LayerRow>& layers) {
  std::vector<Place> all;
  std::set<std::string> roles;
  for (const LayerRow& layer : layers) {
    if (!std::isfinite(layer.weights.top_overlap)) continue;
    all.push_back({layer.stack, layer.block});
    roles.insert(layer.role);
  }
  if (all.empty()) return {};
  const Depth depth(std::move(all));
  const RoleColours colours = colours_of(roles);
  Canvas canvas(kWidePx, kHighPx);
  Axis x = names_axis(depth.axis_label(), depth.labels(), depth.size(), false);
  Plot plot(canvas, {0, 0, kWidePx, kHighPx}, std::move(x),
            roomy_axis("overlap with the base, 1: the same directions", 0, 1),
            {.left = 40, .right = 12, .top = 22, .bottom = 36});
  Range range;
  std::string worst;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerRow& layer = layers[i];
    const double overlap = layer.weights.top_overlap;
    if (!std::isfinite(overlap)) continue;
    if (overlap < range.low) worst = layer.key;
    range.add(overlap);
    const std::size_t colour = colours.at(layer.role);
    const double aside = place_in_block(colour, colours);
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
