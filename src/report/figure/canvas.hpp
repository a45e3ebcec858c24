#pragma once

/// @file
/// Internal: the elements of a drawing in SVG. Only here texts become markup.

#include <cstddef>
#include <cstdint>
#include <string>

#include "figure/figure.hpp"

namespace wishart::report {

/// The number of colour classes of series in figure.css: s0, s1, ...
inline constexpr std::size_t kSeriesColours = 10;
/// The number of shades of the sequential scale, h0 (low) to h11, and of the diverging one, v0 to
/// v10, whose middle v5 is neutral.
inline constexpr std::size_t kShades = 12;
inline constexpr std::size_t kDivergingShades = 11;

/// The name of the class of a series.
[[nodiscard]] std::string series_class(std::size_t series);

/// The classes of the mark of an entry in a legend.
[[nodiscard]] std::string legend_class(const LegendEntry& entry);

/// A rectangle in pixels; y runs downwards.
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

enum class Anchor : std::uint8_t { start, middle, end };

/// Collects elements with classes. Lengths are pixels. What is `attributes` or `classes` is markup,
/// all other texts may be untrusted.
class Canvas {
public:
  Canvas(double width_px, double height_px) : width_px_(width_px), height_px_(height_px) {}

  void line(const char* classes, double x1, double y1, double x2, double y2);
  void rect(const std::string& classes, const Box& box);
  /// A rectangle with a tooltip.
  void cell(const std::string& classes, const Box& box, const std::string& attributes,
            const std::string& tooltip);
  void circle(const std::string& classes, double x, double y, double radius,
              const std::string& attributes, const std::string& tooltip);
  /// `tag` is polyline or polygon.
  void points(const char* tag, const std::string& classes, const std::string& places);
  void path(const std::string& classes, const std::string& steps,
            const std::string& attributes = "", const std::string& tooltip = "");
  /// Words on one line, shortened in the middle to `max_chars`.
  void words(double x, double y, Anchor anchor, const std::string& text,
             std::size_t max_chars = 40);
  /// The same in bold, from x on.
  void heading(double x, double y, const std::string& text, std::size_t max_chars = 40);
  /// A line of the caption of a file.
  void caption(double x, double y, const std::string& text);
  /// Words turned by 45 degrees that end at a place, for long names below an axis.
  void slanted(double x, double y, const std::string& text, std::size_t max_chars = 24);
  /// What is drawn from now on lies below all else.
  void begin_background() { below_ = true; }
  void end_background() { below_ = false; }

  /// What was drawn, without the `<svg>` element.
  [[nodiscard]] std::string elements() const { return background_ + drawn_; }
  /// The drawing as one `<svg>` element with a title and a description.
  [[nodiscard]] std::string svg(const std::string& title, const std::string& description) const;

private:
  void add(const std::string& element) { (below_ ? background_ : drawn_) += element; }

  double width_px_;
  double height_px_;
  bool below_ = false;
  std::string background_;
  std::string drawn_;
};

/// A length with at most one decimal.
[[nodiscard]] std::string px(double value);
/// Roughly the width of a text in the font of figures.
[[nodiscard]] double width_of_words(const std::string& text);

}  // namespace wishart::report
