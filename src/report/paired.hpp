#pragma once

/// @file
/// Inside of the module: the change that layers share, in words and as tables.

#include <string>
#include <vector>

#include "wishart/analysis/paired.hpp"

#include "page.hpp"

namespace wishart::report {

/// What happened to the metric: `alpha fell in 29 of 31 layers, by 0.22 on average (95 %: 0.19 to
/// 0.25).`
[[nodiscard]] std::string paired_sentence(const analysis::PairedRow& row);

/// True if the interval of the mean does not hold 0.
[[nodiscard]] bool is_shared(const analysis::PairedRow& row);

/// The row of alpha over all layers; null without one.
[[nodiscard]] const analysis::PairedRow* alpha_of_all(const std::vector<analysis::PairedRow>& rows);

/// The tables: every metric over all layers, then by role; and what they assume.
void add_paired(Page& page, const std::vector<analysis::PairedRow>& rows);

}  // namespace wishart::report
