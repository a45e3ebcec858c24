#include "figure/canvas.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "text/escape.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

/// The mean width of a character of the widest common font at the 11 px of figure.css.
constexpr double kCharPx = 6.8;

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + px(value) + "\"";
}

std::string class_of(const std::string& classes) { return " class=\"" + classes + "\""; }

std::string box_of(const Box& box) {
  return attribute("x", box.x) + attribute("y", box.y) + attribute("width", box.width) +
         attribute("height", box.height);
}

/// The end of an element, with its tooltip if it has one.
std::string closed(const char* tag, const std::string& tooltip) {
  if (tooltip.empty()) return "/>\n";
  return "><title>" + html_text(tooltip) + "</title></" + tag + ">\n";
}

const char* name_of(Anchor anchor) {
  return anchor == Anchor::start ? "start" : anchor == Anchor::middle ? "middle" : "end";
}

std::string word(const std::string& text, std::size_t max_chars) {
  return html_text(shortened(printable(text), max_chars)) + "</text>\n";
}

}  // namespace

std::string px(double value) {
  std::string text = fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

double width_of_words(const std::string& text) {
  return kCharPx * static_cast<double>(width_of(text));
}

std::string series_class(std::size_t series) {
  return "s" + std::to_string(std::min(series, kSeriesColours - 1));
}

std::string legend_class(const LegendEntry& entry) {
  switch (entry.mark) {
    case LegendMark::dot:
      break;
    case LegendMark::line:
      return series_class(entry.series) + " line";
    case LegendMark::area:
      return series_class(entry.series) + " area";
    case LegendMark::band:
      return "band";
    case LegendMark::dashed:
      return "mark";
  }
  return series_class(entry.series);
}

void Canvas::line(const char* classes, double x1, double y1, double x2, double y2) {
  add("<line" + class_of(classes) + attribute("x1", x1) + attribute("y1", y1) +
      attribute("x2", x2) + attribute("y2", y2) + "/>\n");
}

void Canvas::rect(const std::string& classes, const Box& box) {
  add("<rect" + class_of(classes) + box_of(box) + "/>\n");
}

void Canvas::cell(const std::string& classes, const Box& box, const std::string& attributes,
                  const std::string& tooltip) {
  add("<rect" + class_of(classes) + box_of(box) + attributes + closed("rect", tooltip));
}

void Canvas::circle(const std::string& classes, double x, double y, double radius,
                    const std::string& attributes, const std::string& tooltip) {
  add("<circle" + class_of(classes) + attribute("cx", x) + attribute("cy", y) +
      attribute("r", radius) + attributes + closed("circle", tooltip));
}

void Canvas::points(const char* tag, const std::string& classes, const std::string& places) {
  add(std::string("<") + tag + class_of(classes) + " points=\"" + places + "\"/>\n");
}

void Canvas::path(const std::string& classes, const std::string& steps,
                  const std::string& attributes, const std::string& tooltip) {
  add("<path" + class_of(classes) + " d=\"" + steps + "\"" + attributes + closed("path", tooltip));
}

void Canvas::words(double x, double y, Anchor anchor, const std::string& text,
                   std::size_t max_chars) {
  if (text.empty()) return;
  add("<text" + attribute("x", x) + attribute("y", y) + " text-anchor=\"" + name_of(anchor) +
      "\">" + word(text, max_chars));
}

void Canvas::heading(double x, double y, const std::string& text, std::size_t max_chars) {
  add("<text class=\"head\"" + attribute("x", x) + attribute("y", y) + ">" + word(text, max_chars));
}

void Canvas::caption(double x, double y, const std::string& text) {
  add("<text class=\"caption\"" + attribute("x", x) + attribute("y", y) + ">" +
      html_text(text, 2000) + "</text>\n");
}

void Canvas::slanted(double x, double y, const std::string& text, std::size_t max_chars) {
  add("<text text-anchor=\"end\" transform=\"translate(" + px(x) + " " + px(y) +
      ") rotate(-45)\">" + word(text, max_chars));
}

std::string Canvas::svg(const std::string& title, const std::string& description) const {
  return "<svg class=\"fig\" viewBox=\"0 0 " + px(width_px_) + " " + px(height_px_) + "\"" +
         attribute("width", width_px_) + attribute("height", height_px_) +
         " role=\"img\">\n<title>" + html_text(title) + "</title>\n" +
         (description.empty() ? "" : "<desc>" + html_text(description, 2000) + "</desc>\n") +
         background_ + drawn_ + "</svg>\n";
}

}  // namespace wishart::report
