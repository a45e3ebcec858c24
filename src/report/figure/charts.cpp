#include "figure/charts.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "wishart/core/text.hpp"
#include "wishart/record/alpha_limits.hpp"

#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 590;
constexpr double kSmallPx = 380;
constexpr double kHighPx = 300;
constexpr double kLowPx = 220;
constexpr double kRolePx = 22;       ///< height of a role's row
constexpr double kRoleNamePx = 140;  ///< room for its name
constexpr std::size_t kMostRoles = 40;

/// Larger values of alpha are drawn at the edge, because a single noise layer would compress all
/// others.
constexpr double kMostAlpha = 10;

/// The layers that are drawn.
std::vector<const LayerRow*> drawn(const std::vector<LayerRow>& layers) {
  const std::size_t stride = layers.size() / kMostDots + 1;
  std::vector<const LayerRow*> chosen;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerRow& layer = layers[i];
    if (!std::isfinite(layer.alpha) || layer.status == "failed") continue;
    if (i % stride == 0 || !layer.warning.empty()) chosen.push_back(&layer);
  }
  return chosen;
}

/// Roles by decreasing number of layers; ties are in order of names.
std::vector<std::string> roles_of(const std::vector<const LayerRow*>& layers) {
  std::map<std::string, std::int64_t> counts;
  for (const LayerRow* layer : layers) ++counts[layer->role];
  std::vector<std::string> roles;
  roles.reserve(counts.size());
  for (const auto& [role, count] : counts) roles.push_back(role);
  std::stable_sort(roles.begin(), roles.end(), [&](const std::string& a, const std::string& b) {
    return counts.at(a) > counts.at(b);
  });
  return roles;
}

std::size_t place_of(const std::vector<std::string>& roles, const std::string& role) {
  return static_cast<std::size_t>(std::find(roles.begin(), roles.end(), role) - roles.begin());
}

Axis alpha_axis(const std::vector<const LayerRow*>& layers) {
  double low = kOverTrained;
  double high = kUnderTrained;
  for (const LayerRow* layer : layers) {
    low = std::min(low, layer->alpha);
    high = std::max(high, std::min(layer->alpha, kMostAlpha));
  }
  return axis_over("alpha", std::floor(std::max(low, 0.0)), std::ceil(high));
}

std::string told(const LayerRow& layer) {
  return layer.key + ": alpha " + number(layer.alpha) +
         (layer.warning.empty() ? "" : ", " + layer.warning);
}

/// The end of a caption, which says what is not drawn, or not in its place.
std::string remark(std::size_t shown, std::size_t all, bool cut) {
  std::string text;
  if (shown < all) text += ", " + std::to_string(shown) + " of " + std::to_string(all) + " layers";
  if (cut) text += ", alpha above " + number(kMostAlpha) + " at the edge";
  return text;
}

Figure by_block(const std::vector<const LayerRow*>& layers, const std::vector<std::string>& roles,
                const std::string& rest) {
  std::int64_t last = 0;
  bool outside = false;
  for (const LayerRow* layer : layers) {
    last = std::max(last, layer->block);
    outside = outside || layer->block < 0;
  }
  Axis x = axis_over("block", outside ? -1.5 : -0.5, static_cast<double>(last) + 0.5);
  std::erase_if(x.ticks, [](const Tick& tick) {
    return tick.at < 0 || std::abs(tick.at - std::round(tick.at)) > 1e-9;
  });
  if (outside) x.ticks.push_back({-1, "outside"});
  Plot plot(std::move(x), alpha_axis(layers), kWidePx, kHighPx);
  plot.band(kOverTrained, kUnderTrained);
  for (const LayerRow* layer : layers) {
    plot.dot({static_cast<double>(std::max<std::int64_t>(layer->block, -1)), layer->alpha},
             place_of(roles, layer->role), told(*layer));
  }
  std::vector<std::string> names = roles;
  if (names.size() > kSeriesColours) {
    names.resize(kSeriesColours - 1);
    names.emplace_back("others");
  }
  return plot.figure("fig-alpha-by-block",
                     "alpha by block; band: WeightWatcher's limits, 2 to 6" + rest, names);
}

Figure by_role(const std::vector<const LayerRow*>& layers, const std::vector<std::string>& roles,
               const std::string& rest) {
  const std::size_t rows = std::min(roles.size(), kMostRoles);
  // Rows run downwards, y upwards.
  Axis y{-static_cast<double>(rows) + 0.5, 0.5, "", {}};
  std::vector<double> sum(rows, 0);
  std::vector<double> count(rows, 0);
  for (std::size_t k = 0; k < rows; ++k) y.ticks.push_back({-static_cast<double>(k), roles[k]});
  Plot plot(alpha_axis(layers), std::move(y), kWidePx, kRolePx * static_cast<double>(rows) + 44,
            kRoleNamePx);
  for (const LayerRow* layer : layers) {
    const std::size_t k = place_of(roles, layer->role);
    if (k >= rows) continue;
    sum[k] += layer->alpha;
    count[k] += 1;
    plot.dot({layer->alpha, -static_cast<double>(k)}, k, told(*layer));
  }
  for (std::size_t k = 0; k < rows; ++k) {
    const double at = -static_cast<double>(k);
    plot.bar(sum[k] / count[k], at - 0.4, at + 0.4, k);
  }
  return plot.figure("fig-alpha-by-role", "alpha by role, with the mean" + rest, {});
}

/// A metric of a history.
struct Metric {
  const char* name;
  double analysis::HistoryRow::*value;
};

/// Metrics in one figure.
struct Panel {
  const char* id;
  const char* caption;
  std::vector<Metric> metrics;
};

const std::vector<Panel>& panels() {
  using Row = analysis::HistoryRow;
  static const std::vector<Panel> all{
      {"fig-history-alpha",
       "alpha, with the standard error of the mean",
       {{"mean", &Row::alpha}, {"median", &Row::alpha_median}}},
      {"fig-history-loss", "loss", {{"loss", &Row::loss}, {"eval loss", &Row::eval_loss}}},
      {"fig-history-alpha-weighted", "alpha_weighted", {{"alpha_weighted", &Row::alpha_weighted}}},
      {"fig-history-norms",
       "norms",
       {{"log_norm", &Row::log_norm}, {"log_spectral_norm", &Row::log_spectral_norm}}},
      {"fig-history-stable-rank", "stable_rank", {{"stable_rank", &Row::stable_rank}}},
      {"fig-history-D", "D", {{"D", &Row::D}}},
      {"fig-history-settled", "share of settled layers", {{"settled_share", &Row::settled_share}}},
      {"fig-history-learning-rate", "learning rate", {{"learning rate", &Row::learning_rate}}}};
  return all;
}

double place(const analysis::History& history, const analysis::HistoryRow& row) {
  const std::int64_t value = history.by_tokens ? row.tokens : row.step;
  return value < 0 ? kNan : static_cast<double>(value);
}

/// The figure of a panel; empty if none of its metrics is known.
std::optional<Figure> panel_figure(const analysis::History& history, const Panel& panel,
                                   const Axis& x) {
  const bool of_alpha = panel.metrics.front().value == &analysis::HistoryRow::alpha;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  const auto widen = [&](double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const analysis::HistoryRow& row : history.rows) {
    for (const Metric& metric : panel.metrics) widen(row.*metric.value);
    if (of_alpha) widen(row.alpha - row.alpha_error), widen(row.alpha + row.alpha_error);
  }
  if (!(low <= high)) return std::nullopt;
  if (panel.metrics.front().value == &analysis::HistoryRow::settled_share) low = 0, high = 1;
  Plot plot(x, axis_over("", low, high), kSmallPx, kLowPx, 58);
  std::vector<std::string> names;
  for (std::size_t k = 0; k < panel.metrics.size(); ++k) {
    std::vector<Point> points;
    for (const analysis::HistoryRow& row : history.rows) {
      points.push_back({place(history, row), row.*panel.metrics[k].value});
      plot.dot(points.back(), k, row.checkpoint + ": " + number(points.back().y));
    }
    plot.line(points, k);
    names.emplace_back(panel.metrics[k].name);
  }
  for (const analysis::HistoryRow& row : history.rows) {
    if (!of_alpha) break;
    plot.bar(place(history, row), row.alpha - row.alpha_error, row.alpha + row.alpha_error, 0);
    if (row.change_point) plot.mark(place(history, row));
  }
  if (names.size() == 1) names.clear();  // the caption names it
  return plot.figure(panel.id, panel.caption, names);
}

}  // namespace

std::vector<Figure> checkpoint_figures(const CheckpointRecord& record,
                                       const std::vector<LayerRow>* /*before*/) {
  const std::vector<LayerRow>& layers = record.layers;
  const std::vector<const LayerRow*> shown = drawn(layers);
  if (shown.empty()) return {};
  const auto fitted = static_cast<std::size_t>(
      std::count_if(layers.begin(), layers.end(), [](const LayerRow& layer) {
        return std::isfinite(layer.alpha) && layer.status != "failed";
      }));
  const bool cut = std::any_of(shown.begin(), shown.end(),
                               [](const LayerRow* layer) { return layer->alpha > kMostAlpha; });
  const std::string rest = remark(shown.size(), fitted, cut);
  const std::vector<std::string> roles = roles_of(shown);
  return {by_block(shown, roles, rest), by_role(shown, roles, rest)};
}

std::vector<Figure> history_figures(const analysis::History& history) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const analysis::HistoryRow& row : history.rows) {
    const double x = place(history, row);
    if (!std::isfinite(x)) continue;
    low = std::min(low, x);
    high = std::max(high, x);
  }
  if (!(low <= high)) return {};
  const Axis x = axis_over(history.by_tokens ? "tokens" : "step", low, high);
  std::vector<Figure> figures;
  for (const Panel& panel : panels()) {
    if (std::optional<Figure> figure = panel_figure(history, panel, x)) {
      figures.push_back(*std::move(figure));
    }
  }
  return figures;
}

std::vector<Figure> comparison_figures(const analysis::Comparison& comparison) {
  std::vector<Point> points;
  for (const analysis::ComparisonRow& row : comparison.rows) {
    if (std::isfinite(row.alpha_a) && std::isfinite(row.alpha_b)) {
      points.push_back({row.alpha_a, row.alpha_b});
    }
  }
  if (points.empty()) return {};
  Plot plot(axis_over("alpha of A", 1, kMostAlpha), axis_over("alpha of B", 1, kMostAlpha), kWidePx,
            kHighPx);
  for (const Point& point : points) plot.dot(point, 0, number(point.y));
  return {plot.figure("fig-alpha-pairs", "alpha of B against alpha of A", {})};
}

std::vector<Figure> ranking_figures(const std::vector<analysis::Model>& models,
                                    std::size_t metric) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (std::isfinite(models[i].values[metric])) {
      points.push_back({models[i].values[metric], -static_cast<double>(i)});
    }
  }
  if (points.empty()) return {};
  Plot plot(axis_over(analysis::rank_metrics()[metric].name, points.front().x, points.back().x),
            axis_over("", -static_cast<double>(models.size()), 0), kWidePx, kHighPx);
  for (const Point& point : points) plot.dot(point, 0, number(point.x));
  return {plot.figure("fig-ranking", "models in their order", {})};
}

}  // namespace wishart::report
