#pragma once

/// @file
/// Internal: the change over all layers, as tables.

#include <vector>

#include "wishart/analysis/paired.hpp"

#include "page/page.hpp"

namespace wishart::report {

/// Adds the tables, every metric over all layers and then by role, and their assumptions.
void add_paired(Page& page, const std::vector<analysis::PairedRow>& rows);

}  // namespace wishart::report
