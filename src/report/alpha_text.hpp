#pragma once

/// @file
/// Internal: alpha and how sure it is, as tables show them.

#include <string>
#include <vector>

#include "wishart/record/rows.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {

/// alpha with as many decimals as its uncertainty justifies: two digits of the latter. `5.0` where
/// it lies between 2.3 and 10.5; `-` without a fit.
[[nodiscard]] std::string alpha_cell(const LayerRow& row);

/// `2.3 to 10.5`, the interval that the archive holds, or `+-0.34`, the standard error, where it
/// holds none.
[[nodiscard]] std::string interval_cell(const LayerRow& row);

/// The column of interval_cell. Its head says which of the two is meant: `90 % interval`, or
/// `+-sigma` if no layer has an interval.
[[nodiscard]] Column interval_column(const std::vector<LayerRow>& layers, int importance);

/// What the column means, in a sentence or two.
[[nodiscard]] std::string interval_text(const std::vector<LayerRow>& layers);

}  // namespace wishart::report
