#include "paired.hpp"

#include <algorithm>
#include <cmath>

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

using analysis::PairedRow;

std::string signed_text(double value) { return (value > 0 ? "+" : "") + number(value, 3); }

std::string range_text(const PairedRow& row) {
  if (std::isnan(row.low)) return "-";
  return signed_text(row.low) + " to " + signed_text(row.high);
}

/// The cells common to both tables.
std::vector<std::string> cells_of(const PairedRow& row) {
  return {std::to_string(row.pairs), std::to_string(row.left_out), signed_text(row.mean),
          range_text(row),           signed_text(row.median),      std::to_string(row.fell),
          std::to_string(row.rose),  std::to_string(row.tied),     number(row.sign_p, 2)};
}

TextTable table_with(const Column& first, const std::vector<Column>& more) {
  std::vector<Column> columns{
      first,
      number_column("layers", 70, "layers with a value in A and in B"),
      number_column("left out", 30, "layers in one only, reshaped, or without a fit"),
      number_column("mean change", 95, "of the differences B - A"),
      number_column("95 % interval", 90, "of the mean change, from a paired t test"),
      number_column("median", 50, "of the differences B - A"),
      number_column("fell", 80, "layers whose value is smaller in B"),
      number_column("rose", 80, "layers whose value is larger in B"),
      number_column("tied", 20, "layers whose difference is within rounding"),
      number_column("sign test p", 60, "two-sided, from the layers that fell or rose")};
  columns.insert(columns.end(), more.begin(), more.end());
  return table_of(columns);
}

TextTable metrics_table(const std::vector<PairedRow>& rows) {
  TextTable table = table_with(words_column("metric", kStays, "column of the layer table"), {});
  for (const PairedRow& row : rows) {
    if (row.group_by != "all") continue;
    std::vector<std::string> cells = cells_of(row);
    cells.insert(cells.begin(), row.metric);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

/// All columns for alpha, and the mean change of the other metrics.
TextTable roles_table(const std::vector<PairedRow>& rows) {
  const std::vector<std::string> others{"D", "log_norm", "log_spectral_norm", "stable_rank"};
  std::vector<Column> more;
  more.reserve(others.size());
  for (const std::string& other : others) {
    more.push_back(number_column(other, 10, "mean change of this metric"));
  }
  TextTable table = table_with(words_column("role", kStays, "what the layers do"), more);
  for (const PairedRow& row : rows) {
    if (row.group_by != "role") continue;
    if (row.metric == "alpha") {
      std::vector<std::string> cells = cells_of(row);
      cells.insert(cells.begin(), row.group);
      table.rows.push_back(std::move(cells));
    } else if (std::find(others.begin(), others.end(), row.metric) != others.end()) {
      table.rows.back().push_back(signed_text(row.mean));
    }
  }
  return table;
}

}  // namespace

void add_paired(Page& page, const std::vector<PairedRow>& rows) {
  page.heading("Change over all layers, B - A");
  page.table(metrics_table(rows));
  const TextTable roles = roles_table(rows);
  if (!roles.rows.empty()) {
    page.heading("Change of alpha by role, and mean change of other metrics");
    page.table(roles);
  }
  page.paragraph(
      "layers: number with a value in A and in B. left out: in one only, reshaped, or without a "
      "fit. 95 % interval: of the mean, from a paired t test, which assumes that the layers are "
      "exchangeable and independent. Layers of one model are trained together and are not "
      "independent, so the interval holds for these layers only, not for another run. sign test p: "
      "two-sided and exact, from the layers that fell or rose.");
}

}  // namespace wishart::report
