#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "figure/charts.hpp"
#include "figure/heat_map.hpp"
#include "figure/measure.hpp"
#include "figure/plot.hpp"
#include "text/names.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kSmallPx = 380;
constexpr double kLowPx = 220;
constexpr Margins kMargins{.left = 52, .right = 14, .top = 10, .bottom = 36};
/// The most layers and checkpoints of a heat map: 2560 cells.
constexpr std::size_t kMostCourses = 64;
constexpr std::size_t kMostCheckpoints = 40;
constexpr std::size_t kNameChars = 34;

using Row = analysis::HistoryRow;

/// A metric of a history.
struct Metric {
  const char* name;
  double Row::*value;
};

/// Metrics in one figure.
struct Panel {
  const char* id;
  const char* caption;
  std::vector<Metric> metrics;
};

const std::vector<Panel>& panels() {
  static const std::vector<Panel> all{
      {"fig-history-alpha",
       "alpha of the layers, with the standard error of the mean",
       {{"mean", &Row::alpha}, {"median", &Row::alpha_median}}},
      {"fig-history-loss", "loss", {{"loss", &Row::loss}, {"eval loss", &Row::eval_loss}}},
      {"fig-history-alpha-weighted",
       "alpha_weighted, mean of the layers",
       {{"alpha_weighted", &Row::alpha_weighted}}},
      {"fig-history-norms",
       "norms, mean of the layers, in decades of the square",
       {{"log_norm", &Row::log_norm}, {"log_spectral_norm", &Row::log_spectral_norm}}},
      {"fig-history-stable-rank",
       "stable rank, mean of the layers",
       {{"stable_rank", &Row::stable_rank}}},
      {"fig-history-D",
       "D, distance of the tails from their power laws, mean of the layers",
       {{"D", &Row::D}}},
      {"fig-history-settled", "share of settled layers", {{"settled_share", &Row::settled_share}}},
      {"fig-history-learning-rate", "learning rate", {{"learning rate", &Row::learning_rate}}}};
  return all;
}

double place(const analysis::History& history, const Row& row) {
  const std::int64_t value = history.by_tokens ? row.tokens : row.step;
  return value < 0 ? kNan : static_cast<double>(value);
}

std::optional<Axis> axis_of(const analysis::History& history) {
  Range range;
  for (const Row& row : history.rows) range.add(place(history, row));
  if (range.empty()) return std::nullopt;
  return count_axis(history.by_tokens ? "tokens" : "step", range.low, range.high);
}

/// The checkpoint with the lowest loss, of held-out data where it is known, of those with finite
/// weights and losses: nobody should go back to NaN. Null: no loss.
const Row* best_of(const analysis::History& history) {
  const Row* best = nullptr;
  const auto value = [&](const Row& row) {
    return history.loss_is_eval ? row.eval_loss : row.loss;
  };
  for (const Row& row : history.rows) {
    const bool broken = row.nonfinite > 0 || is_recorded_nonfinite(row.loss) ||
                        is_recorded_nonfinite(row.eval_loss);
    if (broken || !std::isfinite(value(row)) || !std::isfinite(place(history, row))) {
      continue;
    }
    if (best == nullptr || value(row) < value(*best)) best = &row;
  }
  return best;
}

/// `mean from 5.1 (checkpoint-0) to 3.2 (checkpoint-240)`.
std::string ends_text(const analysis::History& history, const Metric& metric) {
  const Row* first = nullptr;
  const Row* last = nullptr;
  for (const Row& row : history.rows) {
    if (!std::isfinite(row.*metric.value)) continue;
    if (first == nullptr) first = &row;
    last = &row;
  }
  if (first == nullptr) return "";
  return std::string(metric.name) + " from " + number(first->*metric.value, 3) + " (" +
         first->checkpoint + ") to " + number(last->*metric.value, 3) + " (" + last->checkpoint +
         "). ";
}

/// The axis of a panel; nothing if none of its metrics is known.
std::optional<Axis> value_axis(const analysis::History& history, const Panel& panel) {
  Range range;
  for (const Row& row : history.rows) {
    for (const Metric& metric : panel.metrics) range.add(row.*metric.value);
    if (panel.metrics.front().value != &Row::alpha) continue;
    range.add(row.alpha - row.alpha_error);
    range.add(row.alpha + row.alpha_error);
  }
  if (range.empty()) return std::nullopt;
  if (panel.metrics.front().value == &Row::settled_share) return roomy_axis("", 0, 1);
  return calm_axis("", range.low, range.high);
}

std::optional<Figure> panel_figure(const analysis::History& history, const Panel& panel,
                                   const Axis& x) {
  const std::optional<Axis> y = value_axis(history, panel);
  if (!y) return std::nullopt;
  const bool of_alpha = panel.metrics.front().value == &Row::alpha;
  const bool of_loss = panel.metrics.front().value == &Row::loss;
  Canvas canvas(kSmallPx, kLowPx);
  Plot plot(canvas, {0, 0, kSmallPx, kLowPx}, x, *y, kMargins);
  Figure figure;
  const Row* best = of_alpha || of_loss ? best_of(history) : nullptr;
  if (best != nullptr) {
    plot.mark(place(history, *best), "best");
    figure.description += "Lowest loss: " + best->checkpoint + ". ";
  }
  for (const Row& row : history.rows) {
    if (!of_alpha) break;
    plot.bar(place(history, row), row.alpha - row.alpha_error, row.alpha + row.alpha_error, 0);
    if (!row.change_point) continue;
    plot.mark(place(history, row), "turns", 1);
    figure.description += "The trend of alpha changes at " + row.checkpoint + ". ";
  }
  for (std::size_t k = 0; k < panel.metrics.size(); ++k) {
    const Metric& metric = panel.metrics[k];
    const std::string told = ends_text(history, metric);
    if (told.empty()) continue;  // not recorded
    std::vector<Point> points;
    for (const Row& row : history.rows) points.push_back({place(history, row), row.*metric.value});
    plot.line(points, k);
    for (std::size_t i = 0; i < points.size(); ++i) {
      plot.dot(
          points[i], k,
          {history.rows[i].checkpoint + ": " + metric.name + " " + number(points[i].y), -1, ""});
    }
    figure.legend.push_back({k, metric.name});
    figure.description += told;
  }
  if (figure.legend.size() == 1 && !of_loss) figure.legend.clear();  // the caption names it
  figure.id = panel.id;
  figure.name = std::string(panel.id).substr(4);
  figure.caption = panel.caption;
  figure.svg = canvas.svg(figure.caption, figure.description);
  return figure;
}

/// A measure of the courses of layers.
struct CourseMeasure {
  const char* name;
  const char* label;
  ScaleKind kind;
  std::vector<double> analysis::LayerCourse::*values;  ///< null: the change of the norm
};

const std::vector<CourseMeasure>& course_measures() {
  using Course = analysis::LayerCourse;
  static const std::vector<CourseMeasure> all{
      {"alpha", "alpha", ScaleKind::sequential, &Course::alpha},
      {"D", "D, distance of the tail from its power law", ScaleKind::sequential, &Course::D},
      {"stable_rank", "stable rank, logarithmic", ScaleKind::logarithmic, &Course::stable_rank},
      {"change", "change of the norm since the checkpoint before, %", ScaleKind::diverging,
       nullptr}};
  return all;
}

std::vector<double> values_of(const analysis::LayerCourse& course, const CourseMeasure& measure) {
  if (measure.values != nullptr) return course.*measure.values;
  std::vector<double> changes(course.log_norm.size(), kNan);
  for (std::size_t i = 1; i < changes.size(); ++i) {
    changes[i] = norm_change(course.log_norm[i - 1], course.log_norm[i]);
  }
  return changes;
}

/// How much a layer changed over the run: the range of its values, on a logarithmic scale where the
/// map has one.
double changed(const std::vector<double>& values, ScaleKind kind) {
  Range range;
  for (const double value : values) {
    range.add(kind == ScaleKind::logarithmic ? std::log(value) : value);
  }
  return range.empty() ? -1 : range.high - range.low;
}

/// The courses that are drawn: all, or those that changed most, in their order.
std::vector<std::size_t> chosen_courses(const std::vector<std::vector<double>>& values,
                                        ScaleKind kind) {
  std::vector<std::size_t> chosen(values.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = i;
  if (chosen.size() <= kMostCourses) return chosen;
  std::vector<double> sizes;
  sizes.reserve(values.size());
  for (const std::vector<double>& course : values) sizes.push_back(changed(course, kind));
  std::stable_sort(chosen.begin(), chosen.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  chosen.resize(kMostCourses);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// The checkpoints that are drawn: all, or evenly chosen ones, the last among them.
std::vector<std::size_t> chosen_checkpoints(std::size_t count) {
  const std::size_t shown = std::min(count, kMostCheckpoints);
  std::vector<std::size_t> chosen;
  for (std::size_t k = 1; k <= shown; ++k) chosen.push_back(k * count / shown - 1);
  return chosen;
}

std::string course_ends(const analysis::History& history, const CourseMeasure& measure,
                        const std::vector<std::vector<double>>& values) {
  Range range;
  std::string low;
  std::string high;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double last = values[i].back();
    if (last < range.low) low = history.courses[i].key;
    if (last > range.high) high = history.courses[i].key;
    range.add(last);
  }
  if (range.empty()) return "";
  return std::string("At the last checkpoint, ") + measure.name + " from " + number(range.low, 3) +
         " (" + low + ") to " + number(range.high, 3) + " (" + high + ").";
}

/// @param layers       that are drawn
/// @param checkpoints  that are drawn
std::string map_caption(const std::string& label, const analysis::History& history,
                        std::size_t layers, std::size_t checkpoints) {
  std::string caption = label.substr(0, label.find(", logarithmic")) + ", by layer and checkpoint";
  if (layers < history.courses.size()) {
    caption += "; the " + std::to_string(layers) + " of " + std::to_string(history.courses.size()) +
               " layers that changed most";
  }
  if (checkpoints < history.rows.size()) {
    caption += "; " + std::to_string(checkpoints) + " of " + std::to_string(history.rows.size()) +
               " checkpoints";
  }
  return caption;
}

std::vector<Figure> course_maps(const analysis::History& history) {
  if (history.rows.size() < 2 || history.courses.empty()) return {};
  std::vector<std::string> columns;
  const std::vector<std::size_t> shown = chosen_checkpoints(history.rows.size());
  for (const std::size_t i : shown) {
    const double at = place(history, history.rows[i]);
    columns.push_back(std::isnan(at) ? history.rows[i].checkpoint : short_count(at));
  }
  std::vector<Figure> figures;
  for (const CourseMeasure& measure : course_measures()) {
    std::vector<std::vector<double>> values;
    values.reserve(history.courses.size());
    for (const auto& course : history.courses) values.push_back(values_of(course, measure));
    const std::vector<std::size_t> chosen = chosen_courses(values, measure.kind);
    std::vector<std::string> rows;
    rows.reserve(chosen.size());
    for (const std::size_t i : chosen)
      rows.push_back(brief_name(history.courses[i].key, kNameChars));
    HeatMap map(rows, columns);
    map.column_label = history.by_tokens ? "tokens" : "step";
    for (std::size_t r = 0; r < chosen.size(); ++r) {
      const analysis::LayerCourse& course = history.courses[chosen[r]];
      for (std::size_t c = 0; c < shown.size(); ++c) {
        HeatCell& cell = map.at(r, c);
        cell.exists =
            std::isfinite(course.log_norm[shown[c]]) || std::isfinite(course.alpha[shown[c]]);
        if (measure.values == nullptr && shown[c] == 0) cell.exists = false;
        cell.value = values[chosen[r]][shown[c]];
        cell.tooltip = course.key + " at " + history.rows[shown[c]].checkpoint + ": " +
                       (std::isnan(cell.value) ? "not known" : number(cell.value, 3));
        if (course.index >= 0) cell.attributes = " data-i=\"" + std::to_string(course.index) + "\"";
      }
    }
    const std::vector<double> known = map.values();
    if (std::none_of(known.begin(), known.end(), [](double v) { return std::isfinite(v); }))
      continue;
    Figure figure;
    figure.name = figure.group = "layers";
    figure.choice = measure.name;
    figure.id = std::string("fig-layers-") + measure.name;
    std::replace(figure.id.begin(), figure.id.end(), '_', '-');
    const std::string label(measure.label);
    figure.caption = map_caption(label, history, chosen.size(), shown.size());
    figure.description = plural(static_cast<std::int64_t>(history.courses.size()), "layer") +
                         " at " +
                         plural(static_cast<std::int64_t>(history.rows.size()), "checkpoint") +
                         ". " + course_ends(history, measure, values);
    figure.svg =
        heat_svg(map, HeatScale(measure.kind, label, known), figure.caption, figure.description);
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace

std::vector<Figure> history_figures(const analysis::History& history) {
  std::vector<Figure> figures;
  if (const std::optional<Axis> x = axis_of(history)) {
    for (const Panel& panel : panels()) {
      if (auto figure = panel_figure(history, panel, *x)) figures.push_back(*std::move(figure));
    }
  }
  std::vector<Figure> maps = course_maps(history);
  std::move(maps.begin(), maps.end(), std::back_inserter(figures));
  return figures;
}

std::optional<Figure> course_figure(const analysis::History& history,
                                    const analysis::LayerCourse& course) {
  const std::optional<Axis> x = axis_of(history);
  if (!x) return std::nullopt;
  constexpr std::size_t kColumns = 2;
  const std::vector<CourseMeasure>& measures = course_measures();
  const std::size_t lines = (measures.size() + kColumns - 1) / kColumns;
  constexpr double kPanelHighPx = 190;
  Canvas canvas(kSmallPx * kColumns, kPanelHighPx * static_cast<double>(lines));
  std::string told;
  for (std::size_t k = 0; k < measures.size(); ++k) {
    const std::vector<double> values = values_of(course, measures[k]);
    Range range;
    for (const double value : values) range.add(value);
    if (range.empty()) continue;
    Axis axis = *x;
    if (k + kColumns < measures.size()) axis.label.clear();
    const std::size_t line = k / kColumns;
    const Box box{kSmallPx * static_cast<double>(k % kColumns),
                  kPanelHighPx * static_cast<double>(line), kSmallPx, kPanelHighPx};
    Plot plot(canvas, box, std::move(axis), calm_axis("", range.low, range.high, 4),
              {.left = 52, .right = 14, .top = 24, .bottom = 36});
    const std::string label(measures[k].label);
    plot.heading(label.substr(0, label.find(", logarithmic")));
    std::vector<Point> points;
    for (std::size_t i = 0; i < values.size(); ++i) {
      points.push_back({place(history, history.rows[i]), values[i]});
    }
    plot.line(points, 0);
    for (std::size_t i = 0; i < points.size(); ++i) {
      plot.dot(
          points[i], 0,
          {history.rows[i].checkpoint + ": " + measures[k].name + " " + number(values[i]), -1, ""});
    }
    told += std::string(measures[k].name) + " from " + number(range.low, 3) + " to " +
            number(range.high, 3) + "; ";
  }
  if (told.empty()) return std::nullopt;
  Figure figure;
  figure.name = "layer";
  figure.id = "fig-course-" + std::to_string(course.index);
  figure.caption = course.key + " through " +
                   plural(static_cast<std::int64_t>(history.rows.size()), "checkpoint");
  figure.description = told.substr(0, told.size() - 2) + ".";
  figure.svg = canvas.svg(figure.caption, figure.description);
  return figure;
}

}  // namespace wishart::report
