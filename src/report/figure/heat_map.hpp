#pragma once

/// @file
/// Internal: heat maps, whose cells have one of few shades by their value.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

#include "figure/canvas.hpp"
#include "figure/figure.hpp"

namespace wishart::report {

/// How values become shades.
enum class ScaleKind : std::uint8_t {
  sequential,
  logarithmic,  ///< sequential in the logarithm; values above 0
  diverging,    ///< around 0
  share,        ///< 0 to 1; 0 has a colour of its own
};

/// The range of the shades. Values far from all others do not stretch it: they get the shade of its
/// end, and the scale says so.
class HeatScale {
public:
  /// @param label   what is shown, with its unit
  /// @param values  those of all cells; NaN: not known
  HeatScale(ScaleKind kind, std::string label, std::vector<double> values);

  /// The class of a cell; `none` for a value that is not known.
  [[nodiscard]] std::string shade(double value) const;
  /// Draws the scale with its ends, the label, and the sign of a missing value if there is one.
  void draw(Canvas& canvas, double x, double y) const;
  [[nodiscard]] double low() const noexcept { return low_; }
  [[nodiscard]] double high() const noexcept { return high_; }

private:
  [[nodiscard]] std::size_t shades() const noexcept;
  [[nodiscard]] std::string class_of(std::size_t shade) const;

  ScaleKind kind_;
  std::string label_;
  double low_ = kNan;  ///< of the shades
  double high_ = kNan;
  bool below_ = false;  ///< there are values below the range
  bool above_ = false;
  bool missing_ = false;
};

struct HeatCell {
  bool exists = false;  ///< false: nothing is drawn, because there is no such layer
  double value = kNan;  ///< NaN: not known; crossed out
  std::string tooltip;
  std::string attributes;
};

/// Cells by row and column; texts may be untrusted.
struct HeatMap {
  HeatMap(std::vector<std::string> row_names, std::vector<std::string> column_names)
      : rows(std::move(row_names)),
        columns(std::move(column_names)),
        cells(rows.size() * columns.size()) {}

  [[nodiscard]] HeatCell& at(std::size_t row, std::size_t column) {
    return cells[row * columns.size() + column];
  }
  [[nodiscard]] std::vector<double> values() const;

  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<HeatCell> cells;  ///< row by row
  std::string row_label;
  std::string column_label;
};

/// The drawing, with row names at the left, column names below, and the scale at the bottom.
[[nodiscard]] std::string heat_svg(const HeatMap& map, const HeatScale& scale,
                                   const std::string& title, const std::string& description);

}  // namespace wishart::report
