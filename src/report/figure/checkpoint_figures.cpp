#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/alpha_limits.hpp"

#include "figure/axis.hpp"
#include "figure/block_figures.hpp"
#include "figure/charts.hpp"
#include "figure/depth.hpp"
#include "figure/measure.hpp"
#include "figure/overlap_figure.hpp"
#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

using Indices = std::vector<std::size_t>;

constexpr double kWidePx = 760;
constexpr double kPanelPx = 250;  ///< width of one of several panels side by side
constexpr double kPanelHighPx = 150;
constexpr std::size_t kPanelsInRow = 3;
constexpr std::size_t kMostPanels = 15;
constexpr double kRolePx = 24;  ///< height of a role's row
constexpr std::size_t kMostRoles = 40;
constexpr std::size_t kMostRoleDots = 60;   ///< of a role, before it becomes a box
constexpr std::size_t kMostOdd = 40;        ///< layers that need attention, beside a box
constexpr std::size_t kMostOddInBlock = 3;  ///< the same in one block of a panel

/// Larger values of alpha are drawn at the edge, because a single noise layer would compress all
/// others.
constexpr double kMostAlpha = 10;

struct Drawn {
  const std::vector<LayerRow>* layers = nullptr;
  Indices fitted;    ///< layers with an alpha
  bool cut = false;  ///< one of them is above kMostAlpha
};

Drawn fitted_layers(const std::vector<LayerRow>& layers) {
  Drawn drawn{&layers, {}, false};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double alpha = fitted_alpha(layers[i]);
    if (std::isnan(alpha)) continue;
    drawn.fitted.push_back(i);
    drawn.cut = drawn.cut || alpha > kMostAlpha;
  }
  return drawn;
}

/// The layers by role; roles with most layers first, ties in order of names.
std::vector<std::pair<std::string, Indices>> by_role(const Drawn& drawn) {
  std::map<std::string, Indices> groups;
  for (const std::size_t i : drawn.fitted) groups[(*drawn.layers)[i].role].push_back(i);
  std::vector<std::pair<std::string, Indices>> roles(groups.begin(), groups.end());
  std::stable_sort(roles.begin(), roles.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  return roles;
}

std::vector<double> sorted_alphas(const Drawn& drawn, const Indices& layers) {
  std::vector<double> values;
  for (const std::size_t i : layers) values.push_back((*drawn.layers)[i].alpha);
  std::sort(values.begin(), values.end());
  return values;
}

/// The axis of alpha, to the largest that is not at the edge.
Axis alpha_axis(const Drawn& drawn, const std::string& label, double wanted = 5) {
  Range range;
  for (const std::size_t i : drawn.fitted) {
    range.add(std::min((*drawn.layers)[i].alpha, kMostAlpha));
  }
  return axis_over(label, std::floor(std::clamp(range.low, 0.0, kOverTrained)),
                   std::ceil(std::max(range.high, kUnderTrained)), wanted);
}

About about(const LayerRow& layer, std::size_t i) {
  return {layer.key + ": alpha " + number(layer.alpha) +
              (std::isfinite(layer.alpha_low)
                   ? " (" + number(layer.alpha_low, 3) + " to " + number(layer.alpha_high, 3) + ")"
                   : "") +
              (layer.warning.empty() ? "" : ", " + layer.warning),
          static_cast<std::int64_t>(i), ""};
}

std::string alpha_words(const Drawn& drawn) {
  const std::vector<LayerRow>& layers = *drawn.layers;
  const auto less = [&](std::size_t a, std::size_t b) { return layers[a].alpha < layers[b].alpha; };
  const auto [low, high] = std::minmax_element(drawn.fitted.begin(), drawn.fitted.end(), less);
  const std::vector<double> sorted = sorted_alphas(drawn, drawn.fitted);
  return "alpha of " + plural(static_cast<std::int64_t>(drawn.fitted.size()), "layer") +
         ": lowest " + number(layers[*low].alpha, 3) + " (" + layers[*low].key + "), median " +
         number(analysis::median_of(sorted), 3) + ", highest " + number(layers[*high].alpha, 3) +
         " (" + layers[*high].key + ").";
}

std::string edge_words(const Drawn& drawn) {
  return drawn.cut ? "; alpha above " + number(kMostAlpha) + " at the edge" : "";
}

Figure finished(const char* name, const std::string& id, const std::string& caption,
                const Canvas& canvas, const std::string& description,
                std::vector<LegendEntry> legend) {
  Figure figure;
  figure.id = id;
  figure.name = name;
  figure.caption = caption;
  figure.description = description;
  figure.svg = canvas.svg(caption, description);
  figure.legend = std::move(legend);
  return figure;
}

/// What noise of a role's shape has, by place; empty where it is not known.
struct NullBand {
  std::vector<Point> low;
  std::vector<Point> high;
};

/// The layers of a role by place of their blocks.
std::map<std::size_t, Indices> places_of(const Drawn& drawn, const Depth& depth,
                                         const Indices& group) {
  std::map<std::size_t, Indices> places;
  for (const std::size_t i : group) {
    const LayerRow& layer = (*drawn.layers)[i];
    if (layer.block >= 0) places[depth.index_of(layer.stack, layer.block)].push_back(i);
  }
  return places;
}

NullBand null_band(const Drawn& drawn, const std::map<std::size_t, Indices>& places) {
  NullBand band;
  for (const auto& [place, group] : places) {
    const LayerRow& layer = (*drawn.layers)[group.front()];
    if (!std::isfinite(layer.alpha_null) || !std::isfinite(layer.alpha_null_sd)) continue;
    const auto x = static_cast<double>(place);
    band.low.push_back({x, layer.alpha_null - layer.alpha_null_sd});
    band.high.push_back({x, layer.alpha_null + layer.alpha_null_sd});
  }
  return band;
}

/// The layers of one role and block: a dot for one, else the range and the median.
void draw_place(Plot& plot, const Drawn& drawn, const Depth& depth, std::size_t place,
                const Indices& group) {
  const std::vector<LayerRow>& layers = *drawn.layers;
  const auto x = static_cast<double>(place);
  if (group.size() > 1) {
    const std::vector<double> sorted = sorted_alphas(drawn, group);
    const double middle = analysis::median_of(sorted);
    const std::string& role = layers[group.front()].role;
    plot.bar(x, sorted.front(), sorted.back(), 0);
    plot.dot({x, middle}, 0,
             {role + ", " + depth.axis_label() + " " + depth.labels()[place] + ": " +
                  std::to_string(group.size()) + " layers, alpha " + number(middle, 3) + " (" +
                  number(sorted.front(), 3) + " to " + number(sorted.back(), 3) + ")",
              -1, group_attributes(role, depth.told_stack(place), depth.place(place).block)});
  }
  std::size_t odd = 0;
  for (const std::size_t i : group) {
    const LayerRow& layer = layers[i];
    if (needs_attention(layer)) {
      if (group.size() > 1 && ++odd > kMostOddInBlock) continue;
      plot.diamond({x, layer.alpha}, 1, about(layer, i));
    } else if (group.size() == 1) {
      plot.dot({x, layer.alpha}, 0, about(layer, i));
    }
  }
}

/// alpha against depth, a panel for each role, so that no role hides another.
std::vector<Figure> depth_figure(const Drawn& drawn) {
  std::vector<Place> all;
  for (const std::size_t i : drawn.fitted) {
    all.push_back({(*drawn.layers)[i].stack, (*drawn.layers)[i].block});
  }
  const Depth depth(std::move(all));
  std::vector<std::pair<std::string, Indices>> roles = by_role(drawn);
  std::erase_if(roles,
                [&](const auto& role) { return places_of(drawn, depth, role.second).size() < 2; });
  if (roles.empty()) return {};
  const std::size_t count = roles.size();
  roles.resize(std::min(count, kMostPanels));
  const std::size_t columns = std::min(roles.size(), kPanelsInRow);
  const std::size_t lines = (roles.size() + columns - 1) / columns;
  const double width = columns == 1 ? kWidePx : kPanelPx * static_cast<double>(columns);
  const double panel = width / static_cast<double>(columns);
  Canvas canvas(width, kPanelHighPx * static_cast<double>(lines) + 4);
  bool banded = false;
  for (std::size_t k = 0; k < roles.size(); ++k) {
    const std::map<std::size_t, Indices> places = places_of(drawn, depth, roles[k].second);
    const std::size_t line = k / columns;
    const Box place{panel * static_cast<double>(k % columns),
                    kPanelHighPx * static_cast<double>(line), panel, kPanelHighPx};
    Axis x = depth.axis(depth.blocks());
    if (k + columns < roles.size()) x.label.clear();  // told once, below the last of a column
    Plot plot(canvas, place, std::move(x), alpha_axis(drawn, "", 4),
              {.left = 26, .right = 10, .top = 20, .bottom = 34});
    plot.heading(roles[k].first);
    const NullBand band = null_band(drawn, places);
    banded = banded || !band.low.empty();
    plot.band_between(band.low, band.high);
    std::vector<Point> middle;
    middle.reserve(places.size());
    for (const auto& [at, group] : places) {
      middle.push_back({static_cast<double>(at), analysis::median_of(sorted_alphas(drawn, group))});
    }
    plot.line(middle, 0);
    for (const auto& [at, group] : places) draw_place(plot, drawn, depth, at, group);
  }
  std::vector<LegendEntry> legend{{0, "a layer, or the median and range of several"},
                                  {1, "needs attention"}};
  if (banded) {
    legend.push_back(
        {0, "alpha of noise of the same shape, one standard deviation", LegendMark::band});
  }
  std::string caption = "alpha against depth, by role" + edge_words(drawn);
  if (roles.size() < count) {
    caption += "; the " + std::to_string(roles.size()) + " roles with most layers of " +
               std::to_string(count);
  }
  return {finished("depth", "fig-alpha-by-block", caption, canvas, alpha_words(drawn), legend)};
}

/// Heights of dots beside each other, so that none hides another: dots closer than `room_px` along
/// the axis go to different levels 0, 1, -1, 2, ...
std::vector<int> levels(const std::vector<double>& places_px, double room_px) {
  std::vector<double> last;  // the place of the last dot on each level
  std::vector<int> result;
  for (const double at : places_px) {
    std::size_t level = 0;
    while (level < last.size() && at - last[level] < room_px) ++level;
    if (level == last.size()) last.push_back(at);
    last[level] = at;
    const int step = static_cast<int>((level + 1) / 2);
    result.push_back(level % 2 == 1 ? step : -step);
  }
  return result;
}

/// A role's row: its dots, or for many layers the range and the quartiles; and the median.
void draw_role(Plot& plot, const Drawn& drawn, Indices group, double y) {
  const std::vector<LayerRow>& layers = *drawn.layers;
  const std::vector<double> sorted = sorted_alphas(drawn, group);
  const bool box = group.size() > kMostRoleDots;
  if (box) {
    plot.bar_of_x(y, sorted.front(), sorted.back(), 0);
    plot.bar_of_x(y, quantile(sorted, 0.25), quantile(sorted, 0.75), 0, true);
    std::erase_if(group, [&](std::size_t i) { return !needs_attention(layers[i]); });
    group.resize(std::min(group.size(), kMostOdd));
  }
  std::sort(group.begin(), group.end(),
            [&](std::size_t a, std::size_t b) { return layers[a].alpha < layers[b].alpha; });
  std::vector<double> places;
  for (const std::size_t i : group) places.push_back(plot.place_x(layers[i].alpha));
  const std::vector<int> level = levels(places, 6);
  int most = 1;
  for (const int one : level) most = std::max(most, std::abs(one));
  const double step = std::min(0.14, 0.42 / most);  // of the row
  for (std::size_t k = 0; k < group.size(); ++k) {
    const LayerRow& layer = layers[group[k]];
    const double up = y + step * level[k];
    if (needs_attention(layer)) {
      plot.diamond({layer.alpha, up}, 1, about(layer, group[k]));
    } else {
      plot.dot({layer.alpha, up}, 0, about(layer, group[k]));
    }
  }
  const double middle = analysis::median_of(sorted);
  plot.bar(middle, y - 0.42, y + 0.42, 9);
}

std::vector<Figure> roles_figure(const Drawn& drawn) {
  std::vector<std::pair<std::string, Indices>> roles = by_role(drawn);
  const std::size_t count = roles.size();
  roles.resize(std::min(count, kMostRoles));
  std::vector<std::string> names;
  double widest = 0;
  for (const auto& [role, group] : roles) {
    names.push_back(role);
    widest = std::max(widest, width_of_words(printable(role)));
  }
  const double height = kRolePx * static_cast<double>(roles.size()) + 8 + 36;
  Canvas canvas(kWidePx, height);
  Plot plot(canvas, {0, 0, kWidePx, height}, alpha_axis(drawn, "alpha", 8),
            names_axis("", names, names.size(), true),
            {.left = std::min(widest, 180.0) + 12, .right = 12, .top = 8, .bottom = 36});
  plot.band_of_x(kOverTrained, kUnderTrained);
  bool boxes = false;
  for (std::size_t k = 0; k < roles.size(); ++k) {
    boxes = boxes || roles[k].second.size() > kMostRoleDots;
    draw_role(plot, drawn, roles[k].second, -static_cast<double>(k));
  }
  std::string caption = "alpha by role" + edge_words(drawn);
  if (roles.size() < count) {
    caption += "; " + std::to_string(roles.size()) + " of " + std::to_string(count) + " roles";
  }
  std::vector<LegendEntry> legend{
      {0, boxes ? "a layer; of more than 60 layers, the range and the middle half" : "a layer"},
      {1, "needs attention"},
      {9, "median of the role", LegendMark::line},
      {0, "WeightWatcher's limits, 2 to 6", LegendMark::band}};
  return {finished("roles", "fig-alpha-by-role", caption, canvas, alpha_words(drawn), legend)};
}

/// alpha against D. With more than kMostDots layers, only some of those that need no attention.
std::vector<Figure> quality_figure(const Drawn& drawn) {
  const std::vector<LayerRow>& layers = *drawn.layers;
  Range range;
  Indices shown;
  const std::size_t stride = drawn.fitted.size() / (kMostDots / 2) + 1;
  std::size_t all = 0;
  for (const std::size_t i : drawn.fitted) {
    if (!std::isfinite(layers[i].D)) continue;
    range.add(layers[i].D);
    if (all++ % stride == 0 || (needs_attention(layers[i]) && shown.size() < kMostDots)) {
      shown.push_back(i);
    }
  }
  if (range.empty()) return {};
  constexpr double kHighPx = 300;
  Canvas canvas(kWidePx / 2 + 60, kHighPx);
  Plot plot(canvas, {0, 0, kWidePx / 2 + 60, kHighPx}, alpha_axis(drawn, "alpha"),
            roomy_axis("D, distance of the tail from its power law", 0, range.high),
            {.left = 46, .right = 12, .top = 22, .bottom = 36});
  for (const bool odd : {false, true}) {
    for (const std::size_t i : shown) {
      if (needs_attention(layers[i]) != odd) continue;
      About text = about(layers[i], i);
      text.text += ", D " + number(layers[i].D, 3);
      const Point at{layers[i].alpha, layers[i].D};
      if (odd) {
        plot.diamond(at, 1, text);
      } else {
        plot.dot(at, 0, text);
      }
    }
  }
  std::string caption = "D against alpha" + edge_words(drawn);
  if (shown.size() < all) {
    caption += "; " + std::to_string(shown.size()) + " of " + std::to_string(all) + " layers";
  }
  return {finished(
      "quality", "fig-alpha-D", caption, canvas,
      alpha_words(drawn) + " D from " + number(range.low, 3) + " to " + number(range.high, 3) + ".",
      {{0, "a layer"}, {1, "needs attention"}})};
}

void append(std::vector<Figure>& all, std::vector<Figure> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

}  // namespace

std::vector<Figure> checkpoint_figures(const CheckpointRecord& record,
                                       const std::vector<LayerRow>* before) {
  const std::vector<Measure> measures = measures_of(record, before);
  std::vector<Figure> figures = block_figures(record, measures);
  const Drawn drawn = fitted_layers(record.layers);
  if (!drawn.fitted.empty()) append(figures, depth_figure(drawn));
  append(figures, expert_figures(record, measures));
  if (!drawn.fitted.empty()) {
    append(figures, roles_figure(drawn));
    append(figures, quality_figure(drawn));
  }
  append(figures, overlap_figure(record.layers));
  return figures;
}

}  // namespace wishart::report
