#include "figure/xmin_figure.hpp"

#include <cmath>
#include <vector>

#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 520;
constexpr double kPanelPx = 170;
/// A line of more points is not told from one of every n-th.
constexpr std::size_t kMostPoints = 1500;
/// alpha of the last candidates, which have a few eigenvalues each, would compress all others.
constexpr double kMostAlpha = 10;

}  // namespace

std::optional<Figure> xmin_figure(const LayerRow& row, std::size_t layer,
                                  std::span<const XminCandidate> candidates) {
  std::vector<Point> alpha;
  std::vector<Point> distance;
  Range x;
  Range alphas;
  Range distances;
  const std::size_t stride = candidates.size() / kMostPoints + 1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const XminCandidate& one = candidates[i];
    if (!(one.xmin > 0) || !std::isfinite(one.alpha) || !std::isfinite(one.D)) continue;
    if (i % stride != 0 && one.xmin != row.xmin) continue;
    const double at = std::log10(one.xmin);
    alpha.push_back({at, one.alpha});
    distance.push_back({at, one.D});
    x.add(at), alphas.add(std::min(one.alpha, kMostAlpha)), distances.add(one.D);
  }
  if (x.empty() || !(x.low < x.high)) return std::nullopt;
  Canvas canvas(kWidePx, 2 * kPanelPx + 8);
  const Margins margins{.left = 52, .right = 14, .top = 24, .bottom = 36};
  const double xmin = row.xmin > 0 ? std::log10(row.xmin) : kNan;
  const double rival = row.rival_xmin > 0 ? std::log10(row.rival_xmin) : kNan;
  Axis above = log_axis("", x.low, x.high);
  Plot upper(canvas, {0, 0, kWidePx, kPanelPx}, above,
             roomy_axis("alpha", std::floor(alphas.low), alphas.high, 4), margins);
  if (std::isfinite(row.alpha_low) && std::isfinite(row.alpha_high)) {
    upper.band(row.alpha_low, row.alpha_high);
  }
  upper.line(alpha, 1);
  Plot lower(canvas, {0, kPanelPx + 4, kWidePx, kPanelPx},
             log_axis("xmin, where the tail begins", x.low, x.high),
             roomy_axis("D, distance from the power law", 0, distances.high, 4), margins);
  lower.line(distance, 0);
  for (Plot* plot : {&upper, &lower}) {
    plot->mark(xmin, plot == &upper ? "xmin" : "");
    plot->mark(rival, plot == &upper ? "rival" : "", 1);
  }
  upper.dot({xmin, row.alpha}, 1, {"alpha " + number(row.alpha), -1, ""});
  lower.dot({xmin, row.D}, 0, {"D " + number(row.D), -1, ""});
  Figure figure;
  figure.id = "fig-xmin-" + std::to_string(layer);
  figure.name = "xmin";
  figure.caption = row.key + ": alpha and D along xmin";
  figure.description =
      std::to_string(candidates.size()) + " candidates. " +
      (std::isfinite(xmin) ? "Chosen: xmin " + number(row.xmin, 3) + ", alpha " +
                                 number(row.alpha, 3) + ", D " + number(row.D, 3) + "."
                           : "None was chosen.") +
      (std::isfinite(rival) ? " Nearly as good: xmin " + number(row.rival_xmin, 3) + ", alpha " +
                                  number(row.rival_alpha, 3) + ", D " + number(row.rival_D, 3) + "."
                            : "");
  if (std::isfinite(row.alpha_low)) {
    figure.legend.push_back(
        {0, "alpha, 90 % interval " + number(row.alpha_low, 3) + " to " + number(row.alpha_high, 3),
         LegendMark::band});
  }
  figure.svg = canvas.svg(figure.caption, figure.description);
  return figure;
}

}  // namespace wishart::report
