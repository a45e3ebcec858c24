#include "figure/heat_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "figure/axis.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kWidthPx = 760;
constexpr double kNamesPx = 210;  ///< the most room for the names of rows
constexpr std::size_t kNameChars = 34;
constexpr double kHeadPx = 8;
constexpr double kScalePx = 44;       ///< height of the scale at the bottom
constexpr double kScaleWidePx = 390;  ///< room for the scale with its words
constexpr double kShadePx = 16;
constexpr double kGapPx = 1;  ///< between cells

double transformed(ScaleKind kind, double value) {
  if (kind != ScaleKind::logarithmic) return std::isfinite(value) ? value : kNan;
  return value > 0 && std::isfinite(value) ? std::log10(value) : kNan;
}

double cell_height(std::size_t rows) { return rows <= 14 ? 20 : rows <= 34 ? 14 : 12; }

/// Three digits, without an exponent where there is room for the number.
std::string brief(double value) {
  const bool whole = std::abs(value) >= 1000 && std::abs(value) < 1e6;
  return whole ? fixed(value, 0) : number(value, 3);
}

/// The columns whose names are written: evenly chosen, so that they do not touch. The last one,
/// which often is a place of its own, is always among them.
std::vector<std::size_t> named_columns(const std::vector<std::string>& columns, double cell_width,
                                       bool slanted) {
  std::vector<std::size_t> chosen;
  double end = std::numeric_limits<double>::infinity();
  for (std::size_t c = columns.size(); c-- > 0;) {
    const double half = (slanted ? 12 : width_of_words(columns[c]) + 8) / 2;
    const double middle = cell_width * (static_cast<double>(c) + 0.5);
    const bool is_last = c + 1 == columns.size();
    // The last name may end at the edge of the map, the others are below their cells.
    const double right = is_last && !slanted ? std::max(middle + half, 2 * half) : middle + half;
    if (right > end) continue;
    chosen.push_back(c);
    end = middle - half;
    if (is_last && !slanted) end = cell_width * (static_cast<double>(c) + 1) - 2 * half;
  }
  return chosen;
}

/// A cross from corner to corner in the outline of a cell.
std::string crossed(const Box& box) {
  return "M" + px(box.x) + " " + px(box.y) + "h" + px(box.width) + "v" + px(box.height) + "h-" +
         px(box.width) + "zl" + px(box.width) + " " + px(box.height);
}

}  // namespace

HeatScale::HeatScale(ScaleKind kind, std::string label, std::vector<double> values)
    : kind_(kind), label_(std::move(label)) {
  for (double& value : values) value = transformed(kind, value);
  const auto known =
      std::remove_if(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  missing_ = known != values.end();
  values.erase(known, values.end());
  if (kind == ScaleKind::share) {
    // 3 % in the worst cell would all be pale on a scale to 100 %.
    const double most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
    if (most > 0) low_ = 0, high_ = most;
    return;
  }
  if (values.empty()) return;
  if (kind == ScaleKind::diverging) {
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value));
    std::vector<double> sizes;
    sizes.reserve(values.size());
    for (const double value : values) sizes.push_back(std::abs(value));
    std::sort(sizes.begin(), sizes.end());
    high_ = std::min(most, 2 * std::max(quantile(sizes, 0.95), 1e-12 * most));
    low_ = -high_;
    std::sort(values.begin(), values.end());
  } else {
    std::sort(values.begin(), values.end());
    const double low = quantile(values, 0.02);
    const double high = quantile(values, 0.98);
    low_ = std::max(values.front(), low - (high - low));
    high_ = std::min(values.back(), high + (high - low));
  }
  below_ = values.front() < low_;
  above_ = values.back() > high_;
}

std::size_t HeatScale::shades() const noexcept {
  return kind_ == ScaleKind::diverging ? kDivergingShades : kShades;
}

std::string HeatScale::class_of(std::size_t shade) const {
  return (kind_ == ScaleKind::diverging ? "v" : "h") + std::to_string(shade);
}

std::string HeatScale::shade(double value) const {
  const double at = transformed(kind_, value);
  if (std::isnan(at)) return "none";
  if (kind_ == ScaleKind::share && at <= 0) return "calm";
  const auto count = static_cast<double>(shades());
  if (!(high_ > low_)) return class_of(shades() / 2);
  const double part = std::clamp((at - low_) / (high_ - low_) * count, 0.0, count - 1);
  return class_of(static_cast<std::size_t>(part));
}

void HeatScale::draw(Canvas& canvas, double x, double y) const {
  const auto told = [&](double value) {
    return kind_ == ScaleKind::logarithmic ? brief(std::pow(10.0, value))
           : kind_ == ScaleKind::share     ? rounded(100 * value, 2) + " %"
                                           : brief(value);
  };
  canvas.words(x, y + 10, Anchor::start, label_, 90);
  double at = x;
  const double top = y + 16;
  if (kind_ == ScaleKind::share) {
    canvas.rect("calm", {at, top, kShadePx, 12});
    canvas.words(at + kShadePx + 4, top + 10, Anchor::start, "none");
    at += kShadePx + 44;
  }
  if (std::isfinite(low_)) {
    const bool one = !(high_ > low_);
    const std::string low = (below_ ? "\u2264 " : "") + told(low_);
    if (!one) {
      canvas.words(at, top + 10, Anchor::start, low);
      at += width_of_words(low) + 6;
    }
    const std::size_t first = one ? shades() / 2 : 0;
    const std::size_t end = one ? first + 1 : shades();
    for (std::size_t k = first; k < end; ++k) {
      canvas.rect(class_of(k), {at, top, kShadePx, 12});
      at += kShadePx;
    }
    const std::string high = (above_ ? "\u2265 " : "") + told(high_);
    canvas.words(at + 6, top + 10, Anchor::start, high);
    at += 6 + width_of_words(high) + 24;
  }
  if (!missing_) return;
  canvas.path("none", crossed({at, top, kShadePx, 12}));
  canvas.words(at + kShadePx + 5, top + 10, Anchor::start, "not known");
}

std::vector<double> HeatMap::values() const {
  std::vector<double> all;
  for (const HeatCell& cell : cells) {
    if (cell.exists) all.push_back(cell.value);
  }
  return all;
}

std::string heat_svg(const HeatMap& map, const HeatScale& scale, const std::string& title,
                     const std::string& description) {
  double names = width_of_words(map.row_label);
  for (const std::string& row : map.rows) {
    names = std::max(names, width_of_words(shortened(row, kNameChars)));
  }
  names = std::min(names, kNamesPx) + 8;
  // The last name has room at its left, so it does not count.
  double widest = 0;
  for (std::size_t c = 0; c + 1 < map.columns.size(); ++c) {
    widest = std::max(widest, width_of_words(shortened(map.columns[c], 24)));
  }
  const auto columns = static_cast<double>(std::max<std::size_t>(map.columns.size(), 1));
  const double wide = std::clamp((kWidthPx - names - 12) / columns, 4.0, 34.0);
  const double cell_width = wide >= 8 ? std::floor(wide) : wide;
  const double high = cell_height(map.rows.size());
  const bool slanted = widest > width_of_words("9999") && widest + 8 > cell_width;
  const double foot = slanted ? 24 + 0.72 * widest : 22;
  const double top = kHeadPx + (map.row_label.empty() ? 0 : 14);
  const double bottom = top + high * static_cast<double>(map.rows.size());
  const double label = map.column_label.empty() ? 0 : 14;
  const double width = std::max(names + cell_width * columns + 12, names + kScaleWidePx);
  Canvas canvas(width, bottom + foot + label + kScalePx);
  canvas.words(names - 8, top - 5, Anchor::end, map.row_label);
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    const double y = top + high * static_cast<double>(r);
    canvas.words(names - 8, y + high / 2 + 4, Anchor::end, map.rows[r].empty() ? "-" : map.rows[r],
                 kNameChars);
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      const HeatCell& cell = map.cells[r * map.columns.size() + c];
      if (!cell.exists) continue;
      const double gap = cell_width > 6 ? kGapPx : 0;
      const Box box{names + cell_width * static_cast<double>(c), y, cell_width - gap,
                    high - kGapPx};
      const std::string shade = scale.shade(cell.value);
      if (shade == "none") {
        canvas.path(shade, crossed(box), cell.attributes, cell.tooltip);
      } else {
        canvas.cell(shade, box, cell.attributes, cell.tooltip);
      }
    }
  }
  for (const std::size_t c : named_columns(map.columns, cell_width, slanted)) {
    const double x = names + cell_width * (static_cast<double>(c) + 0.5);
    const bool wide_last =
        c + 1 == map.columns.size() && c > 0 && width_of_words(map.columns[c]) > cell_width;
    if (slanted) {
      canvas.slanted(x + 4, bottom + 12, map.columns[c]);
    } else if (wide_last) {
      canvas.words(names + cell_width * columns, bottom + 14, Anchor::end, map.columns[c], 24);
    } else {
      canvas.words(x, bottom + 14, Anchor::middle, map.columns[c], 24);
    }
  }
  canvas.words(names + cell_width * columns / 2, bottom + foot + 6, Anchor::middle,
               map.column_label);
  scale.draw(canvas, names, bottom + foot + label);
  return canvas.svg(title, description);
}

}  // namespace wishart::report
