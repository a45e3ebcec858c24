#include <algorithm>
#include <cmath>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "figure/charts.hpp"
#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 760;
constexpr double kRowPx = 20;
constexpr double kNamesPx = 260;
constexpr std::size_t kMostModels = 60;
constexpr double kNormal95 = 1.96;  ///< standard errors of a 95 % interval, for many layers

}  // namespace

std::vector<Figure> ranking_figures(const std::vector<analysis::Model>& models,
                                    std::size_t metric) {
  const std::string name = analysis::rank_metrics()[metric].name;
  std::vector<std::string> names;
  Range range;
  double widest = 0;
  const std::size_t shown = std::min(models.size(), kMostModels);
  for (std::size_t i = 0; i < shown; ++i) {
    names.push_back(models[i].name);
    widest = std::max(widest, width_of_words(printable(models[i].name)));
    const double room = kNormal95 * models[i].errors[metric];
    range.add(models[i].values[metric]);
    range.add(models[i].values[metric] - room);
    range.add(models[i].values[metric] + room);
  }
  if (range.empty()) return {};
  const double height = kRowPx * static_cast<double>(shown) + 8 + 36;
  Canvas canvas(kWidePx, height);
  Plot plot(canvas, {0, 0, kWidePx, height},
            roomy_axis(name + ", mean of the layers", range.low, range.high, 8),
            names_axis("", names, names.size(), true),
            {.left = std::min(widest, kNamesPx) + 14, .right = 14, .top = 8, .bottom = 36});
  for (std::size_t i = 0; i < shown; ++i) {
    const double value = models[i].values[metric];
    const double room = kNormal95 * models[i].errors[metric];
    const double y = -static_cast<double>(i);
    plot.bar_of_x(y, value - room, value + room, 0);
    plot.dot({value, y}, 0,
             {models[i].name + ": " + name + " " + number(value) +
                  (std::isfinite(room)
                       ? " (" + number(value - room) + " to " + number(value + room) + ")"
                       : ""),
              -1, ""});
  }
  Figure figure;
  figure.id = "fig-ranking";
  figure.name = "ranking";
  figure.caption = "models by " + name + ", with the 95 % intervals of the means" +
                   (shown < models.size() ? "; the first " + std::to_string(shown) + " of " +
                                                std::to_string(models.size())
                                          : "");
  figure.description = "First: " + models.front().name + ", " + name + " " +
                       number(models.front().values[metric]) + ". Last: " + models.back().name +
                       ", " + number(models.back().values[metric]) + ".";
  figure.svg = canvas.svg(figure.caption, figure.description);
  return {figure};
}

}  // namespace wishart::report
