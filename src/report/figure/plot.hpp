#pragma once

/// @file
/// Internal: a plot with two axes, as SVG.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "figure/axis.hpp"
#include "figure/canvas.hpp"
#include "figure/figure.hpp"

namespace wishart::report {

struct Point {
  double x = 0;
  double y = 0;
};

/// What a mark stands for: shown when the mouse is over it, and found by the script of a page.
struct About {
  std::string text;         ///< may be untrusted
  std::int64_t layer = -1;  ///< index in the record; -1: not a layer
  std::string attributes;   ///< of the element instead: see group_attributes
};

/// `data-role`, `data-block` and `data-stack` of a mark that stands for several layers.
/// @param stack  empty if the model has only one
[[nodiscard]] std::string group_attributes(const std::string& role, const std::string& stack,
                                           std::int64_t block);

/// The space around the area of a plot.
struct Margins {
  double left = 46;  ///< for the tick labels of y
  double right = 12;
  double top = 8;
  double bottom = 36;  ///< for the tick labels and the label of x
};

/// A plot at a place of a canvas. Coordinates are in the units of the axes; points outside of an
/// axis are drawn at its end. Texts may be untrusted.
class Plot {
public:
  /// Draws the axes. The label of y stands above its ticks.
  Plot(Canvas& canvas, Box place, Axis x, Axis y, Margins margins = {});

  /// Words above the area, at its left end.
  void heading(const std::string& text);
  /// Shades the area between two values of y, or of x.
  void band(double low, double high);
  void band_of_x(double low, double high);
  /// The same between two lines over x.
  void band_between(const std::vector<Point>& low, const std::vector<Point>& high);
  /// A dashed line at a value of x, with a word at its upper end.
  /// @param row  of the word, from 0 downwards: marks close to each other have words below each
  /// other
  void mark(double x, const std::string& word = "", int row = 0);
  /// The dashed line of equal x and y.
  void diagonal();
  void dot(Point at, std::size_t series, const About& about);
  /// A dot in the form of a diamond, for one that stands out.
  void diamond(Point at, std::size_t series, const About& about);
  /// A line through all points with finite x and y.
  void line(const std::vector<Point>& points, std::size_t series);
  /// Fills the polygon of the points.
  void area(const std::vector<Point>& points, std::size_t series);
  /// A vertical or horizontal bar from `low` to `high`; `thick` for the middle part of a range.
  void bar(double x, double low, double high, std::size_t series, bool thick = false);
  void bar_of_x(double y, double low, double high, std::size_t series, bool thick = false);

  [[nodiscard]] double place_x(double x) const;
  [[nodiscard]] double place_y(double y) const;

private:
  void draw_axes();
  void draw_points(const char* tag, const std::vector<Point>& points, std::size_t series);
  [[nodiscard]] Box area_box() const;

  Canvas* canvas_;
  Box place_;
  Axis x_;
  Axis y_;
  Margins margins_;
};

}  // namespace wishart::report
