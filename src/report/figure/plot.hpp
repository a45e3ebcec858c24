#pragma once

/// @file
/// Internal: a plot with two axes, as SVG.

#include <cstddef>
#include <string>
#include <vector>

#include "figure/figure.hpp"

namespace wishart::report {

/// The number of colour classes in the page's style: s0, s1, ...
inline constexpr std::size_t kSeriesColours = 10;

struct Tick {
  double at = 0;
  std::string text;
};

/// The range, label and ticks of an axis. `low < high`.
struct Axis {
  double low = 0;
  double high = 1;
  std::string label;
  std::vector<Tick> ticks;
};

/// An axis that contains both values, with ticks at multiples of 1, 2 or 5 times a power of ten.
[[nodiscard]] Axis axis_over(const std::string& label, double low, double high);

/// An axis of decimal logarithms, with the numbers themselves at its ticks.
/// @pre low < high
[[nodiscard]] Axis log_axis(const std::string& label, double low, double high);

struct Point {
  double x = 0;
  double y = 0;
};

/// Coordinates are in the units of the axes. Points outside of an axis are drawn at its end. Texts
/// may be untrusted.
class Plot {
public:
  /// @param width_px,height_px  of the whole figure
  /// @param left_px             space for the tick labels of y
  Plot(Axis x, Axis y, double width_px, double height_px, double left_px = 46);

  /// Shades the area between two values of y.
  void band(double low, double high);
  /// A dashed vertical line.
  void mark(double x);
  /// A dot that shows `text` when the mouse is over it.
  void dot(Point at, std::size_t series, const std::string& text);
  /// A line through all points with finite x and y.
  void line(const std::vector<Point>& points, std::size_t series);
  /// Fills the polygon of the points.
  void area(const std::vector<Point>& points, std::size_t series);
  /// A vertical bar from `low` to `high`.
  void bar(double x, double low, double high, std::size_t series);

  /// The figure with the names of its series in order.
  [[nodiscard]] Figure figure(const std::string& id, const std::string& caption,
                              const std::vector<std::string>& series) const;

private:
  [[nodiscard]] double place_x(double x) const;
  [[nodiscard]] double place_y(double y) const;
  void draw_axes();
  void draw_points(const char* tag, const std::vector<Point>& points, std::size_t series);

  Axis x_;
  Axis y_;
  double width_px_;
  double height_px_;
  double left_px_;
  std::string below_;  ///< drawn first: bands
  std::string drawn_;
};

}  // namespace wishart::report
