#include "figure/standalone.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "figure/canvas.hpp"
#include "text/escape.hpp"

namespace wishart::report {
namespace {

constexpr double kMarginPx = 12;
constexpr double kLinePx = 17;
constexpr double kCaptionCharPx = 8.4;  ///< of figure.css, 13 px in bold
constexpr double kMarkPx = 16;          ///< of an entry of a legend, with the gap behind it
constexpr double kEntryGapPx = 16;
constexpr std::size_t kMostEntryChars = 110;

/// The number that follows `name="` in the first line of the drawing.
double length_of(const std::string& svg, const std::string& name) {
  const std::string opening = " " + name + "=\"";
  const std::size_t at = svg.find(opening);
  require(at != std::string::npos, "a figure has a width and a height");
  return std::stod(svg.substr(at + opening.size()));
}

/// The words in lines of at most `chars` code points.
std::vector<std::string> wrapped(const std::string& text, std::size_t chars) {
  std::vector<std::string> lines{""};
  for (const std::string& word : split(printable(text, 2000), ' ')) {
    const std::string kept = shortened(word, chars);
    if (!lines.back().empty() && width_of(lines.back()) + 1 + width_of(kept) > chars) {
      lines.emplace_back();
    }
    lines.back() += (lines.back().empty() ? "" : " ") + kept;
  }
  return lines;
}

void draw_mark(Canvas& canvas, const LegendEntry& entry, double x, double y) {
  const std::string colour = series_class(entry.series);
  switch (entry.mark) {
    case LegendMark::dot:
      canvas.circle(colour, x + 5, y - 4, 4, "", "");
      break;
    case LegendMark::line:
      canvas.points("polyline", colour,
                    px(x) + "," + px(y - 4) + " " + px(x + 11) + "," + px(y - 4));
      break;
    case LegendMark::area:
      canvas.points("polygon", colour,
                    px(x) + "," + px(y) + " " + px(x) + "," + px(y - 8) + " " + px(x + 10) + "," +
                        px(y - 8) + " " + px(x + 10) + "," + px(y));
      break;
    case LegendMark::band:
      canvas.rect("band", {x, y - 8, 10, 8});
      break;
    case LegendMark::dashed:
      canvas.line("mark", x, y - 4, x + 12, y - 4);
      break;
  }
}

/// Draws the legend from `y` on in lines; returns the height.
double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& legend, double y, double width) {
  double x = kMarginPx;
  double line = 0;
  for (const LegendEntry& entry : legend) {
    const std::string name = shortened(printable(entry.name), kMostEntryChars);
    const double needed = kMarkPx + width_of_words(name);
    if (x > kMarginPx && x + needed > width - kMarginPx) x = kMarginPx, line += kLinePx;
    draw_mark(canvas, entry, x, y + line + 12);
    canvas.words(x + kMarkPx, y + line + 12, Anchor::start, name, kMostEntryChars);
    x += needed + kEntryGapPx;
  }
  return legend.empty() ? 0 : line + kLinePx + 4;
}

}  // namespace

std::string standalone_svg(const Figure& figure) {
  const double inner_width = length_of(figure.svg, "width");
  const double inner_height = length_of(figure.svg, "height");
  double width = inner_width;
  for (const LegendEntry& entry : figure.legend) {
    const std::size_t chars = std::min(width_of(printable(entry.name)), kMostEntryChars);
    width = std::max(width, kMarkPx + width_of_words(std::string(chars, 'x')));
  }
  width += 2 * kMarginPx;
  const std::vector<std::string> caption =
      wrapped(figure.caption, static_cast<std::size_t>((width - 2 * kMarginPx) / kCaptionCharPx));
  const double top = kMarginPx + kLinePx * static_cast<double>(caption.size()) + 6;
  Canvas canvas(width, top);  // its own size does not matter: only elements are taken
  canvas.rect("paper", {0, 0, width, 10'000});
  double y = kMarginPx + 12;
  for (const std::string& line : caption) {
    canvas.caption(kMarginPx, y, line);
    y += kLinePx;
  }
  const double legend = draw_legend(canvas, figure.legend, top + inner_height + 4, width);
  const double height = top + inner_height + legend + kMarginPx;
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig\" viewBox=\"0 0 " + px(width) +
         " " + px(height) + "\" width=\"" + px(width) + "\" height=\"" + px(height) +
         "\" role=\"img\">\n<title>" + html_text(figure.caption, 2000) + "</title>\n<style>" +
         std::string(figure_style()) + "</style>\n" + canvas.elements() + "<svg x=\"" +
         px(kMarginPx) + "\" y=\"" + px(top) + "\"" + figure.svg.substr(4) + "</svg>\n";
}

}  // namespace wishart::report
