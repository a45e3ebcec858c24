#pragma once

/// @file
/// Internal: percentiles of layers in reports and tables.

#include <string>
#include <vector>

#include "wishart/analysis/population.hpp"
#include "wishart/analysis/usual.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/report/text_table.hpp"

#include "page/page.hpp"

namespace wishart::report {

/// A row of the layer table, followed by its percentiles.
struct JudgedRow {
  LayerRow row;
  analysis::UsualColumns usual;
};

using wishart::visit_columns;  // of rows that are only read; the one below would hide it

template <class F>
void visit_columns(JudgedRow& r, F&& f) {
  visit_columns(r.row, f);
  visit_columns(r.usual, f);
}

[[nodiscard]] JudgedRow judged(const LayerRow& row);

/// A percentile in a table.
[[nodiscard]] std::string percentile_cell(double percentile);

/// Removes the columns of percentiles (their heads end in ` %`) in which all cells are unknown.
void drop_unknown_percentiles(TextTable& table);

/// The section that compares the layers with others of the same role and size.
void add_usual(Page& page, const std::vector<LayerRow>& layers);

/// How usual the changes from one checkpoint to another are, in one paragraph behind `before`.
void add_usual_changes(Page& page, const std::vector<analysis::UsualChange>& changes,
                       const std::string& before = "");

/// The table of add_usual as JSON: an array.
[[nodiscard]] std::string usual_json(const std::vector<LayerRow>& layers);

}  // namespace wishart::report
