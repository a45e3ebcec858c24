#pragma once

/// @file
/// Internal: the change over all layers, as a sentence and as tables.

#include <string>
#include <vector>

#include "wishart/analysis/paired.hpp"

#include "page/page.hpp"

namespace wishart::report {

/// The change of a metric in a sentence: `alpha fell in 29 of 31 layers, by 0.22 on average (95 %:
/// 0.19 to 0.25).`
[[nodiscard]] std::string paired_sentence(const analysis::PairedRow& row);

/// True if the interval of the mean does not contain 0.
[[nodiscard]] bool is_shared(const analysis::PairedRow& row);

/// The row of alpha over all layers; null if there is none.
[[nodiscard]] const analysis::PairedRow* alpha_of_all(const std::vector<analysis::PairedRow>& rows);

/// Adds the tables, every metric over all layers and then by role, and their assumptions.
void add_paired(Page& page, const std::vector<analysis::PairedRow>& rows);

}  // namespace wishart::report
