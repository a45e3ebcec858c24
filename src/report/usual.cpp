#include "usual.hpp"

#include <algorithm>

#include "wishart/core/text.hpp"
#include "wishart/report/rows_text.hpp"

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kSentenceWidth = 80;
constexpr std::size_t kMostReasons = 10;

TextTable usual_table(const std::vector<analysis::UsualRow>& rows) {
  TextTable table = table_of(
      {words_column("compared with others", kStays, "the median alpha, and where it stands"),
       number_column("layers", 90, "layers that are compared"),
       number_column("below 5 %", 80, "layers with an alpha below the 5th percentile"),
       number_column("above 95 %", 80, "layers with an alpha above the 95th percentile"),
       number_column("D", 50, "median distance of the fit from a power law"),
       number_column("D %", 60, "its percentile among public models"),
       number_column("stable", 30, "median stable rank"),
       number_column("stable %", 40, "its percentile among public models")});
  for (const analysis::UsualRow& row : rows) {
    if (row.group.empty()) continue;
    table.rows.push_back({row.text, std::to_string(row.layers), std::to_string(row.low),
                          std::to_string(row.high), number(row.D, 3),
                          percentile_cell(row.D_percentile), number(row.stable_rank, 3),
                          percentile_cell(row.stable_rank_percentile)});
  }
  return table;
}

}  // namespace

JudgedRow judged(const LayerRow& row) { return {row, analysis::usual_columns(row)}; }

std::string percentile_cell(double percentile) { return fixed(percentile, 0); }

void drop_unknown_percentiles(TextTable& table) {
  for (std::size_t k = table.header.size(); k-- > 0;) {
    const auto is_unknown = [&](const auto& row) { return row[k] == percentile_cell(kNan); };
    if (!table.header[k].ends_with(" %")) continue;
    if (!std::all_of(table.rows.begin(), table.rows.end(), is_unknown)) continue;
    erase_column(table, k);
  }
}

void add_usual(Page& page, const std::vector<LayerRow>& layers) {
  const std::vector<analysis::UsualRow> rows = analysis::usual_table(layers);
  if (rows.empty()) return;
  page.heading("What is usual");
  const TextTable table = usual_table(rows);
  if (!table.rows.empty()) {
    page.table(table, kSentenceWidth);
    page.paragraph(
        "Medians over the layers, with their percentiles (%) among the layers of the same role and "
        "size in " +
        std::to_string(analysis::population_models()) +
        " public language models; 1 means 1 or less, 99 means 99 or more. Layers are counted below "
        "5 % and above 95 % by their alpha. A usual value is not necessarily a good one "
        "(docs/metrics.md).");
  }
  std::vector<std::string> reasons;
  for (const analysis::UsualRow& row : rows) {
    if (row.group.empty()) {
      reasons.push_back(row.reason + " (" + plural(row.layers, "layer") + ")");
    }
  }
  if (reasons.empty()) return;
  const std::size_t more = reasons.size() - std::min(reasons.size(), kMostReasons);
  reasons.resize(reasons.size() - more);
  page.paragraph("Not compared: " + join(reasons, "; ") +
                 (more > 0 ? "; and " + std::to_string(more) + " more reasons." : "."));
}

/// How usual the changes are, in one paragraph.
void add_usual_changes(Page& page, const std::vector<analysis::UsualChange>& changes,
                       const std::string& before) {
  std::string text = before;
  for (const analysis::UsualChange& change : changes) {
    text += (text.empty() ? "" : " ") + change.text;
  }
  if (!changes.empty()) page.paragraph(text);
}

std::string usual_json(const std::vector<LayerRow>& layers) {
  return json_array(analysis::usual_table(layers));
}

}  // namespace wishart::report
