#include "figure/interval_rows.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "wishart/core/text.hpp"

#include "figure/plot.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidePx = 760;
constexpr double kRowPx = 20;
constexpr double kNamesPx = 260;
constexpr double kBottomPx = 36;
constexpr double kTopPx = 8;
constexpr double kSpread = 0.5;  ///< of a row, for its intervals

std::string tooltip(const Interval& one) {
  std::string text = one.about + ": " + number(one.value);
  if (std::isfinite(one.low) && std::isfinite(one.high)) {
    text += " (" + number(one.low) + " to " + number(one.high) + ")";
  }
  return text;
}

void draw_row(Plot& plot, const IntervalRow& row, double y) {
  const auto count = static_cast<double>(row.intervals.size());
  for (std::size_t k = 0; k < row.intervals.size(); ++k) {
    const Interval& one = row.intervals[k];
    if (!std::isfinite(one.value)) continue;
    const double at = y + kSpread * ((count - 1) / 2 - static_cast<double>(k)) / count;
    plot.bar_of_x(at, one.low, one.high, one.series);
    plot.dot({one.value, at}, one.series, {tooltip(one), -1, ""});
  }
}

}  // namespace

std::vector<Figure> interval_rows(Figure figure, const std::vector<IntervalRow>& rows,
                                  const std::string& label, bool zero) {
  std::vector<std::string> names;
  Range range;
  double widest = 0;
  for (const IntervalRow& row : rows) {
    names.push_back(row.name);
    widest = std::max(widest, width_of_words(printable(row.name)));
    for (const Interval& one : row.intervals) {
      if (!std::isfinite(one.value)) continue;
      range.add(one.value);
      range.add(one.low);
      range.add(one.high);
    }
  }
  if (range.empty()) return {};
  if (zero) range.add(0);
  const double height = kRowPx * static_cast<double>(rows.size()) + kTopPx + kBottomPx;
  Canvas canvas(kWidePx, height);
  Plot plot(
      canvas, {0, 0, kWidePx, height}, roomy_axis(label, range.low, range.high, 8),
      names_axis("", names, names.size(), true),
      {.left = std::min(widest, kNamesPx) + 14, .right = 14, .top = kTopPx, .bottom = kBottomPx});
  if (zero) plot.mark(0);
  for (std::size_t i = 0; i < rows.size(); ++i) draw_row(plot, rows[i], -static_cast<double>(i));
  figure.svg = canvas.svg(figure.caption, figure.description);
  return {std::move(figure)};
}

}  // namespace wishart::report
