#include "figure/plot.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/report/text_table.hpp"

#include "text/escape.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kTopPx = 8;
constexpr double kRightPx = 12;
constexpr double kBottomPx = 36;  ///< for the tick labels and the axis label
constexpr double kWantedTicks = 5;
constexpr std::size_t kTickChars = 20;

std::string px(double value) { return fixed(value, 1); }

std::string colour(std::size_t series) {
  return "\"s" + std::to_string(std::min(series, kSeriesColours - 1)) + "\"";
}

std::string straight(const char* kind, double x1, double y1, double x2, double y2) {
  return std::string("<line class=") + kind + " x1=\"" + px(x1) + "\" y1=\"" + px(y1) + "\" x2=\"" +
         px(x2) + "\" y2=\"" + px(y2) + "\"/>\n";
}

std::string words(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" text-anchor=\"" + anchor + "\">" +
         html_text(shortened(printable(text), kTickChars)) + "</text>\n";
}

/// The step of 1, 2 or 5 times a power of ten that divides `length` into about kWantedTicks parts.
double step_for(double length) {
  const double raw = length / kWantedTicks;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Axis axis_over(const std::string& label, double low, double high) {
  Axis axis{low, high, label, {}};
  // If all values are (almost) the same, or the difference overflows, add some space around them.
  const double scale = std::max(std::abs(low), std::abs(high));
  if (!(high - low > 1e-9 * scale) || !std::isfinite(high - low)) {
    const double middle = std::isfinite(low) && std::isfinite(high) ? low / 2 + high / 2 : 0;
    const double room = std::max(std::abs(middle) / 10, 1e-3);
    axis.low = middle - room;
    axis.high = middle + room;
  }
  const double step = step_for(axis.high - axis.low);
  const double first = std::ceil(axis.low / step);
  for (double k = first; k * step <= axis.high + 1e-9 * step; k += 1) {
    const double at = k * step + 0.0;  // never -0
    axis.ticks.push_back({at, rounded(at, 4)});
    if (axis.ticks.size() > 4 * static_cast<std::size_t>(kWantedTicks)) break;
  }
  return axis;
}

Axis log_axis(const std::string& label, double low, double high) {
  Axis axis{low, high, label, {}};
  if (high - low < 1) {
    for (const Tick& tick : axis_over("", std::pow(10.0, low), std::pow(10.0, high)).ticks) {
      const double at = std::log10(tick.at);
      if (low <= at && at <= high) axis.ticks.push_back({at, tick.text});
    }
    return axis;
  }
  const auto tick = [&](double at) {
    if (low <= at && at <= high) axis.ticks.push_back({at, rounded(std::pow(10.0, at), 4)});
  };
  const double step = std::ceil((high - low) / (2 * kWantedTicks));
  const bool few = high - low < kWantedTicks / 2;
  for (double at = std::floor(low / step) * step; at <= high; at += step) {
    tick(at);
    if (few) tick(at + std::log10(2.0)), tick(at + std::log10(5.0));
  }
  return axis;
}

Plot::Plot(Axis x, Axis y, double width_px, double height_px, double left_px)
    : x_(std::move(x)),
      y_(std::move(y)),
      width_px_(width_px),
      height_px_(height_px),
      left_px_(left_px) {
  draw_axes();
}

double Plot::place_x(double x) const {
  const double share = (std::clamp(x, x_.low, x_.high) - x_.low) / (x_.high - x_.low);
  return left_px_ + share * (width_px_ - left_px_ - kRightPx);
}

double Plot::place_y(double y) const {
  const double share = (std::clamp(y, y_.low, y_.high) - y_.low) / (y_.high - y_.low);
  return height_px_ - kBottomPx - share * (height_px_ - kTopPx - kBottomPx);
}

void Plot::draw_axes() {
  const double bottom = height_px_ - kBottomPx;
  for (const Tick& tick : y_.ticks) {
    const double y = place_y(tick.at);
    drawn_ += straight("\"grid\"", left_px_, y, width_px_ - kRightPx, y);
    drawn_ += words(left_px_ - 6, y + 4, "end", tick.text);
  }
  drawn_ += straight("\"grid\"", left_px_, kTopPx, left_px_, bottom);
  for (const Tick& tick : x_.ticks) {
    const double x = place_x(tick.at);
    drawn_ += straight("\"grid\"", x, bottom, x, bottom + 4);
    drawn_ += words(x, bottom + 16, "middle", tick.text);
  }
  drawn_ += words((left_px_ + width_px_) / 2, height_px_ - 4, "middle", x_.label);
}

void Plot::band(double low, double high) {
  const double top = place_y(high);
  below_ += "<rect class=\"band\" x=\"" + px(left_px_) + "\" y=\"" + px(top) + "\" width=\"" +
            px(width_px_ - left_px_ - kRightPx) + "\" height=\"" + px(place_y(low) - top) +
            "\"/>\n";
}

void Plot::mark(double x) {
  if (!std::isfinite(x)) return;
  drawn_ += straight("\"mark\"", place_x(x), kTopPx, place_x(x), height_px_ - kBottomPx);
}

void Plot::dot(Point at, std::size_t series, const std::string& text) {
  if (!std::isfinite(at.x) || !std::isfinite(at.y)) return;
  drawn_ += "<circle class=" + colour(series) + " cx=\"" + px(place_x(at.x)) + "\" cy=\"" +
            px(place_y(at.y)) + "\" r=\"3.5\"><title>" + html_text(text) + "</title></circle>\n";
}

void Plot::draw_points(const char* tag, const std::vector<Point>& points, std::size_t series) {
  std::string places;
  for (const Point& point : points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
    places += (places.empty() ? "" : " ") + px(place_x(point.x)) + "," + px(place_y(point.y));
  }
  drawn_ += std::string("<") + tag + " class=" + colour(series) + " points=\"" + places + "\"/>\n";
}

void Plot::line(const std::vector<Point>& points, std::size_t series) {
  draw_points("polyline", points, series);
}

void Plot::area(const std::vector<Point>& points, std::size_t series) {
  draw_points("polygon", points, series);
}

void Plot::bar(double x, double low, double high, std::size_t series) {
  if (!std::isfinite(x) || !std::isfinite(low) || !std::isfinite(high)) return;
  drawn_ += straight(colour(series).c_str(), place_x(x), place_y(low), place_x(x), place_y(high));
}

Figure Plot::figure(const std::string& id, const std::string& caption,
                    const std::vector<std::string>& series) const {
  Figure figure;
  figure.id = id;
  figure.caption = caption;
  for (std::size_t k = 0; k < series.size(); ++k) {
    figure.legend.push_back({std::min(k, kSeriesColours - 1), series[k], LegendMark::dot});
  }
  const std::string size = px(width_px_) + " " + px(height_px_);
  figure.svg = "<svg viewBox=\"0 0 " + size + "\" width=\"" + px(width_px_) + "\" height=\"" +
               px(height_px_) + "\" role=\"img\">\n<title>" + html_text(caption) + "</title>\n" +
               below_ + drawn_ + "</svg>\n";
  return figure;
}

}  // namespace wishart::report
