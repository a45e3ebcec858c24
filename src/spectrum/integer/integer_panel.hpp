#pragma once

/// @file
/// Internal: a panel of weights as scaled integers, and these as bytes.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/products.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// An element that is no integer at the scale of its line, and so is kept apart.
struct Apart {
  std::int64_t line = 0;   ///< along the short side
  std::int64_t place = 0;  ///< along the depth
  float value = 0;
};

/// The shape of a panel: `lines` vectors, whose products are wanted, of `depth` elements.
///
/// Element (line, place) is at `line * line_stride + place * place_stride`. One of the strides is
/// 1: lines are the columns of a tall view, and the rows of a wide one.
struct PanelShape {
  std::int64_t lines = 0;
  std::int64_t depth = 0;
  std::int64_t line_stride = 0;
  std::int64_t place_stride = 0;
};

/// W = X + R: X consists of integers x 2^scale with a common scale for each line, R is sparse.
///
/// The memory is taken once and serves all panels of a matrix.
class IntegerPanel {
public:
  /// @param form  as integer_form gives it
  IntegerPanel(std::int64_t lines, std::int64_t most_depth, IntegerForm form, InstructionSet isa,
               Workspace& workspace);

  /// Splits `panel` into X, whose bytes are stored, and R. Elements of R become 0 in `panel`.
  /// @returns false, with `panel` unchanged, if R has too many elements to be worth it: more than
  ///          kMostApart of all, or so many in one place that their products with each other cost
  ///          more than they save
  [[nodiscard]] bool split(std::span<float> panel, const PanelShape& shape);

  /// The k-th bytes of a line, value k or the residues mod kModuli[k], if they are kept: `depth`
  /// signed bytes, then zeros, `stride()` in all.
  [[nodiscard]] const std::int8_t* bytes(int k, std::int64_t line) const noexcept {
    return bytes_.data() + (k * lines_ + line) * stride_;
  }
  [[nodiscard]] std::int64_t stride() const noexcept { return stride_; }
  /// The value of 1 in the integers of each line: a power of two.
  [[nodiscard]] std::span<const double> units() const noexcept { return units_; }
  /// R, by line, then place.
  [[nodiscard]] std::span<const Apart> apart() const noexcept { return apart_; }

private:
  void split_line(std::span<float> panel, const PanelShape& shape, std::int64_t line,
                  std::span<float> integers);
  void store_bytes(std::span<const float> integers, std::int64_t line);
  [[nodiscard]] bool few_pairs(std::int64_t depth);
  void put_back(std::span<float> panel, const PanelShape& shape);

  std::int64_t lines_;
  std::int64_t most_depth_;
  std::int64_t stride_ = 0;  ///< of the last panel
  IntegerForm form_;
  InstructionSet isa_;
  std::span<std::int8_t> bytes_;
  std::span<float> integers_;  ///< kLinesAtOnce lines
  std::span<double> units_;
  std::vector<Apart> apart_;
  std::vector<std::int64_t> places_;  ///< elements apart at each place
};

}  // namespace wishart::spectrum
