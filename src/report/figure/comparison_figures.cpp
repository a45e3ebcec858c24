#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "wishart/core/text.hpp"

#include "figure/charts.hpp"
#include "figure/depth.hpp"
#include "figure/plot.hpp"
#include "figure/role_colours.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 760;
constexpr double kHighPx = 280;
constexpr double kSquarePx = 420;
constexpr double kMostAlpha = 10;  ///< larger values are drawn at the edge

using Rows = std::vector<const analysis::ComparisonRow*>;

/// At most kMostDots rows: those that come first, which moved most.
Rows shown_rows(const std::vector<analysis::ComparisonRow>& rows, const auto& known) {
  Rows shown;
  for (const analysis::ComparisonRow& row : rows) {
    if (known(row) && shown.size() < kMostDots) shown.push_back(&row);
  }
  return shown;
}

std::string rest_text(const Rows& shown, const std::vector<analysis::ComparisonRow>& rows,
                      const auto& known) {
  const auto all = static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), known));
  if (shown.size() == all) return "";
  return "; the " + std::to_string(shown.size()) + " of " + std::to_string(all) +
         " layers that moved most";
}

std::vector<Figure> moved_figure(const analysis::Comparison& comparison) {
  const auto known = [](const analysis::ComparisonRow& row) { return std::isfinite(row.moved); };
  const Rows rows = shown_rows(comparison.rows, known);
  if (rows.empty()) return {};
  std::vector<Place> places;
  std::set<std::string> roles;
  for (const auto* row : rows) {
    places.push_back({row->stack, row->block});
    roles.insert(row->role);
  }
  const Depth depth(std::move(places));
  const RoleColours colours = colours_of(roles);
  Range range;
  const analysis::ComparisonRow* most = rows.front();
  for (const auto* row : rows) {
    range.add(100 * row->moved);
    if (row->moved > most->moved) most = row;
  }
  Canvas canvas(kWidePx, kHighPx);
  Plot plot(canvas, {0, 0, kWidePx, kHighPx},
            names_axis(depth.axis_label(), depth.labels(), depth.size(), false),
            roomy_axis("moved at least, % of the norm of A", 0, range.high),
            {.left = 46, .right = 12, .top = 22, .bottom = 36});
  for (const auto* row : rows) {
    const std::size_t colour = colours.at(row->role);
    const double aside = place_in_block(colour, colours);
    plot.dot(
        {static_cast<double>(depth.index_of(row->stack, row->block)) + aside, 100 * row->moved},
        colour, {row->key + ": moved at least " + number(100 * row->moved, 3) + " %", -1, ""});
  }
  Figure figure;
  figure.id = "fig-moved";
  figure.name = "moved";
  figure.caption =
      "how far the layers moved from A to B, by depth" + rest_text(rows, comparison.rows, known);
  figure.description = plural(static_cast<std::int64_t>(rows.size()), "layer") + ", from " +
                       number(range.low, 3) + " % to " + number(range.high, 3) + " % (" +
                       most->key + ").";
  figure.legend = legend_of(colours);
  figure.svg = canvas.svg(figure.caption, figure.description);
  return {figure};
}

std::vector<Figure> pairs_figure(const analysis::Comparison& comparison) {
  const auto known = [](const analysis::ComparisonRow& row) {
    return std::isfinite(row.alpha_a) && std::isfinite(row.alpha_b) && row.alpha_a > 0 &&
           row.alpha_b > 0;
  };
  const Rows rows = shown_rows(comparison.rows, known);
  if (rows.empty()) return {};
  Range range;
  std::size_t significant = 0;
  bool cut = false;
  const analysis::ComparisonRow* most = rows.front();
  for (const auto* row : rows) {
    for (const double alpha : {row->alpha_a, row->alpha_b}) {
      range.add(std::min(alpha, kMostAlpha));
      cut = cut || alpha > kMostAlpha;
    }
    significant += row->significant ? 1 : 0;
    if (std::abs(row->alpha_change) > std::abs(most->alpha_change)) most = row;
  }
  const double low = std::floor(2 * range.low) / 2;
  const double high = std::ceil(2 * range.high) / 2;
  Canvas canvas(kSquarePx, kSquarePx);
  Plot plot(canvas, {0, 0, kSquarePx, kSquarePx}, axis_over("alpha of A", low, high),
            axis_over("alpha of B", low, high), {.left = 40, .right = 12, .top = 22, .bottom = 36});
  plot.diagonal();
  for (const bool marked : {false, true}) {
    for (const auto* row : rows) {
      if (row->significant != marked) continue;
      const About about{row->key + ": alpha " + number(row->alpha_a, 3) + " to " +
                            number(row->alpha_b, 3) +
                            (marked ? ", more than the uncertainty of the fits" : ""),
                        -1, ""};
      if (marked) {
        plot.diamond({row->alpha_a, row->alpha_b}, 1, about);
      } else {
        plot.dot({row->alpha_a, row->alpha_b}, 0, about);
      }
    }
  }
  Figure figure;
  figure.id = "fig-alpha-pairs";
  figure.name = "alpha";
  figure.caption = "alpha of B against alpha of A" + rest_text(rows, comparison.rows, known) +
                   (cut ? "; above " + number(kMostAlpha) + " at the edge" : "");
  figure.description = plural(static_cast<std::int64_t>(rows.size()), "layer") + ", " +
                       std::to_string(significant) +
                       " with a significant change. Largest change: " + most->key + ", from " +
                       number(most->alpha_a, 3) + " to " + number(most->alpha_b, 3) + ".";
  figure.legend = {{0, "within the uncertainty of the fits"},
                   {1, "significant over all layers"},
                   {0, "no change", LegendMark::dashed}};
  figure.svg = canvas.svg(figure.caption, figure.description);
  return {figure};
}

}  // namespace

std::vector<Figure> comparison_figures(const analysis::Comparison& comparison) {
  std::vector<Figure> figures = moved_figure(comparison);
  std::vector<Figure> pairs = pairs_figure(comparison);
  std::move(pairs.begin(), pairs.end(), std::back_inserter(figures));
  return figures;
}

}  // namespace wishart::report
