#pragma once

/// @file
/// Inside of the module: one drawing with two axes, as SVG inside an HTML page.

#include <cstddef>
#include <string>
#include <vector>

namespace wishart::report {

/// Classes of colours that the page's style has: s0, s1, ...
inline constexpr std::size_t kSeriesColours = 10;

struct Tick {
  double at = 0;
  std::string text;
};

/// What a side of a drawing stands for. `low < high`.
struct Axis {
  double low = 0;
  double high = 1;
  std::string label;
  std::vector<Tick> ticks;
};

/// An axis that holds both values, with a tick at each multiple of 1, 2 or 5 times a power of ten.
[[nodiscard]] Axis axis_over(const std::string& label, double low, double high);

/// An axis over decimal logarithms, with ticks that tell the numbers themselves.
/// @pre low < high
[[nodiscard]] Axis log_axis(const std::string& label, double low, double high);

struct Point {
  double x = 0;
  double y = 0;
};

/// What is drawn is in the units of the axes; outside of them it is drawn at their ends. Texts may
/// be foreign.
class Plot {
public:
  /// @param width_px,height_px  of all; @param left_px  room for the texts of the ticks of y
  Plot(Axis x, Axis y, double width_px, double height_px, double left_px = 46);

  /// Shades what lies between two values of y.
  void band(double low, double high);
  /// A dashed line through all of y.
  void mark(double x);
  /// A dot that says `text` when it is pointed at.
  void dot(Point at, std::size_t series, const std::string& text);
  /// Through all points whose x and y are finite.
  void line(const std::vector<Point>& points, std::size_t series);
  /// Fills what lies inside of the points.
  void area(const std::vector<Point>& points, std::size_t series);
  /// From one value of y to another.
  void bar(double x, double low, double high, std::size_t series);

  /// The drawing with its caption and the names of its series in order.
  [[nodiscard]] std::string figure(const std::string& caption,
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
  std::string below_;  ///< bands and lines of the grid
  std::string drawn_;
};

}  // namespace wishart::report
