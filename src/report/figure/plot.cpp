#include "figure/plot.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "wishart/report/text_table.hpp"

#include "text/escape.hpp"

namespace wishart::report {
namespace {

constexpr double kDotPx = 3.2;
constexpr double kDiamondPx = 4.6;
constexpr double kTickPx = 4;
constexpr double kTickGapPx = 10;  ///< between the labels of two ticks
constexpr double kLeftGapPx = 8;   ///< between the labels of y and what is beside them
constexpr std::size_t kTickChars = 24;

std::string attributes_of(const About& about) {
  if (!about.attributes.empty()) return about.attributes;
  return about.layer < 0 ? "" : " data-i=\"" + std::to_string(about.layer) + "\"";
}

}  // namespace

std::string group_attributes(const std::string& role, const std::string& stack,
                             std::int64_t block) {
  return " data-role=\"" + html_text(role) + "\" data-block=\"" + std::to_string(block) + "\"" +
         (stack.empty() ? "" : " data-stack=\"" + html_text(stack) + "\"");
}

Plot::Plot(Canvas& canvas, Box place, Axis x, Axis y, Margins margins)
    : canvas_(&canvas), place_(place), x_(std::move(x)), y_(std::move(y)), margins_(margins) {
  if (!y_.of_names) {
    for (const Tick& tick : y_.ticks) {
      margins_.left = std::max(margins_.left, width_of_words(tick.text) + kLeftGapPx);
    }
  }
  draw_axes();
}

Box Plot::area_box() const {
  return {place_.x + margins_.left, place_.y + margins_.top,
          place_.width - margins_.left - margins_.right,
          place_.height - margins_.top - margins_.bottom};
}

double Plot::place_x(double x) const {
  const Box area = area_box();
  return area.x + (std::clamp(x, x_.low, x_.high) - x_.low) / (x_.high - x_.low) * area.width;
}

double Plot::place_y(double y) const {
  const Box area = area_box();
  const double share = (std::clamp(y, y_.low, y_.high) - y_.low) / (y_.high - y_.low);
  return area.y + area.height - share * area.height;
}

void Plot::draw_axes() {
  const Box area = area_box();
  const double bottom = area.y + area.height;
  const auto left_chars =
      static_cast<std::size_t>(std::max(margins_.left - kLeftGapPx, 20.0) / width_of_words("x"));
  for (const Tick& tick : y_.ticks) {
    const double y = place_y(tick.at);
    canvas_->line("grid", area.x, y, area.x + area.width, y);
    canvas_->words(area.x - 6, y + 4, Anchor::end, tick.text,
                   y_.of_names ? left_chars : tick.text.size());
  }
  canvas_->line("grid", area.x, area.y, area.x, bottom);
  // The labels of x are left out or slanted where they would touch.
  double widest = 0;
  for (const Tick& tick : x_.ticks) {
    widest = std::max(widest, width_of_words(shortened(tick.text, kTickChars)));
  }
  const double room = x_.ticks.empty() ? 0 : area.width / static_cast<double>(x_.ticks.size());
  const auto stride = static_cast<std::size_t>(
      room > 0 ? std::max(1.0, std::ceil((std::min(widest, 60.0) + kTickGapPx) / room)) : 1);
  for (std::size_t i = 0; i < x_.ticks.size(); i += stride) {
    const double x = place_x(x_.ticks[i].at);
    canvas_->line("grid", x, bottom, x, bottom + kTickPx);
    const double half = width_of_words(x_.ticks[i].text) / 2;
    // A word at the edge of the picture stays inside of it.
    if (x + half > place_.x + place_.width) {
      canvas_->words(place_.x + place_.width, bottom + 16, Anchor::end, x_.ticks[i].text);
    } else {
      canvas_->words(x, bottom + 16, Anchor::middle, x_.ticks[i].text, kTickChars);
    }
  }
  canvas_->words(area.x + area.width / 2, bottom + 30, Anchor::middle, x_.label, 80);
  if (!y_.label.empty()) {
    canvas_->words(place_.x + 2, area.y - 7, Anchor::start, y_.label, 60);
  }
}

void Plot::heading(const std::string& text) {
  const Box area = area_box();
  const auto most = static_cast<std::size_t>(area.width / width_of_words("x"));
  canvas_->heading(area.x, area.y - 7, text, std::max<std::size_t>(most, 8));
}

void Plot::band(double low, double high) {
  const Box area = area_box();
  const double top = place_y(high);
  canvas_->begin_background();
  canvas_->rect("band", {area.x, top, area.width, place_y(low) - top});
  canvas_->end_background();
}

void Plot::band_of_x(double low, double high) {
  const Box area = area_box();
  const double left = place_x(low);
  canvas_->begin_background();
  canvas_->rect("band", {left, area.y, place_x(high) - left, area.height});
  canvas_->end_background();
}

void Plot::band_between(const std::vector<Point>& low, const std::vector<Point>& high) {
  std::string places;
  const auto add = [&](const Point& point) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) return;
    places += (places.empty() ? "" : " ") + px(place_x(point.x)) + "," + px(place_y(point.y));
  };
  for (const Point& point : low) add(point);
  for (auto point = high.rbegin(); point != high.rend(); ++point) add(*point);
  if (places.empty()) return;
  canvas_->begin_background();
  canvas_->points("polygon", "band", places);
  canvas_->end_background();
}

void Plot::mark(double x, const std::string& word, int row) {
  if (!std::isfinite(x)) return;
  const Box area = area_box();
  const double at = place_x(x);
  canvas_->line("mark", at, area.y, at, area.y + area.height);
  const bool left = at + width_of_words(word) + 6 > area.x + area.width;
  canvas_->words(left ? at - 4 : at + 4, area.y + 10 + 13 * row, left ? Anchor::end : Anchor::start,
                 word);
}

void Plot::diagonal() {
  const double low = std::max(x_.low, y_.low);
  const double high = std::min(x_.high, y_.high);
  if (!(low < high)) return;
  canvas_->line("mark", place_x(low), place_y(low), place_x(high), place_y(high));
}

void Plot::dot(Point at, std::size_t series, const About& about) {
  if (!std::isfinite(at.x) || !std::isfinite(at.y)) return;
  canvas_->circle(series_class(series), place_x(at.x), place_y(at.y), kDotPx, attributes_of(about),
                  about.text);
}

void Plot::diamond(Point at, std::size_t series, const About& about) {
  if (!std::isfinite(at.x) || !std::isfinite(at.y)) return;
  const std::string r = px(kDiamondPx);
  canvas_->path(series_class(series) + " odd",
                "M" + px(place_x(at.x) - kDiamondPx) + " " + px(place_y(at.y)) + "l" + r + " " + r +
                    " " + r + " -" + r + " -" + r + " -" + r + "z",
                attributes_of(about), about.text);
}

void Plot::draw_points(const char* tag, const std::vector<Point>& points, std::size_t series) {
  std::string places;
  for (const Point& point : points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
    places += (places.empty() ? "" : " ") + px(place_x(point.x)) + "," + px(place_y(point.y));
  }
  canvas_->points(tag, series_class(series), places);
}

void Plot::line(const std::vector<Point>& points, std::size_t series) {
  draw_points("polyline", points, series);
}

void Plot::area(const std::vector<Point>& points, std::size_t series) {
  draw_points("polygon", points, series);
}

void Plot::bar(double x, double low, double high, std::size_t series, bool thick) {
  if (!std::isfinite(x) || !std::isfinite(low) || !std::isfinite(high)) return;
  canvas_->line((series_class(series) + (thick ? " thick" : "")).c_str(), place_x(x), place_y(low),
                place_x(x), place_y(high));
}

void Plot::bar_of_x(double y, double low, double high, std::size_t series, bool thick) {
  if (!std::isfinite(y) || !std::isfinite(low) || !std::isfinite(high)) return;
  canvas_->line((series_class(series) + (thick ? " thick" : "")).c_str(), place_x(low), place_y(y),
                place_x(high), place_y(y));
}

}  // namespace wishart::report
