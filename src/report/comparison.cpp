#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "wishart/analysis/metric.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "changes.hpp"
#include "figure/charts.hpp"
#include "page/page.hpp"
#include "paired.hpp"
#include "text/numbers.hpp"
#include "usual.hpp"
#include "verdict_json.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostRows = 200;

std::string signed_number(double value, int digits) {
  return (value > 0 ? "+" : "") + number(value, digits);
}

TextTable layers_table(const analysis::Comparison& comparison) {
  std::vector<Column> columns(
      {name_column("layer"), words_column("role", 40, "what the layer does"),
       words_column("status", 60,
                    "same, changed, rearranged, misplaced, added, removed, reshaped, grown, "
                    "shrunk, tied, replaced, mtp, narrowed, left-out"),
       number_column("moved", 90, "least change of the weights, relative to the norm of A"),
       number_column("alpha A", 50, "alpha in A"), number_column("alpha B", 50, "alpha in B"),
       number_column("change", 85, "of alpha, B - A"),
       number_column("z", 80, "change of alpha over its standard error; *: significant"),
       number_column("log norm", 20, "change in decades of the squared norm"),
       number_column("log spec", 20, "change in decades of the largest eigenvalue"),
       number_column("stable", 10, "stable rank of B over that of A"),
       number_column("rank", 30, "change of the rank; empty if 0"),
       words_column("new warnings", 95, "warnings of B that A does not have")});
  const bool any_from =
      std::any_of(comparison.rows.begin(), comparison.rows.end(),
                  [](const analysis::ComparisonRow& row) { return !row.from.empty(); });
  if (any_from) {
    columns.push_back(words_column("from", 94, "the layer of A with the same weights"));
  }
  TextTable table = table_of(columns);
  for (const analysis::ComparisonRow& r : comparison.rows) {
    if (table.rows.size() == kMostRows) break;
    table.rows.push_back(
        {r.key, r.role, std::string(analysis::change_name(r.status)), number(r.moved, 3),
         fixed(r.alpha_a, 2), fixed(r.alpha_b, 2), signed_number(r.alpha_change, 2),
         number(r.alpha_z, 2) + (r.significant ? "*" : ""), signed_number(r.log_norm_change, 2),
         signed_number(r.log_spectral_norm_change, 2), number(r.stable_rank_ratio, 3),
         r.rank_change == 0 ? "" : signed_number(static_cast<double>(r.rank_change), 9),
         r.new_warnings});
    if (any_from) table.rows.back().push_back(r.from);
  }
  return table;
}

/// The change of alpha over all layers; null where alphas cannot be compared.
const analysis::PairedRow* alpha_of(const analysis::Comparison& comparison) {
  return comparison.alike ? analysis::alpha_of_all(comparison.paired) : nullptr;
}

/// The number of layers with each status, and the number with a significant change of alpha.
std::string counts_text(const analysis::Comparison& comparison, bool shared) {
  std::map<std::string_view, std::int64_t> counts;
  std::int64_t significant = 0;
  for (const analysis::ComparisonRow& row : comparison.rows) {
    ++counts[analysis::change_name(row.status)];
    significant += row.significant ? 1 : 0;
  }
  std::string text;
  for (const auto& [status, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(status);
  }
  text = plural(static_cast<std::int64_t>(comparison.rows.size()), "layer") + ": " +
         (text.empty() ? "none" : text) + ".";
  if (!comparison.alike) return text + " Alphas and warnings are not compared: see the notes.";
  text += " Tested layer by layer, the change of alpha is significant in " +
          (significant == 0 ? "no layer" : plural(significant, "layer")) +
          " (5 %, Benjamini-Hochberg).";
  if (shared && significant == 0) {
    text +=
        " The shared change is visible only over many layers, because the fit of a single layer is "
        "too uncertain.";
  }
  return text;
}

std::string comparison_json(const analysis::Comparison& comparison) {
  const analysis::PairedRow* alpha = alpha_of(comparison);
  return json_opening(kCompareSchema) +
         ", \"verdict\": " + verdict_json(analysis::verdict_of(comparison)) +
         ", \"a\": " + json_quoted(comparison.a) + ", \"b\": " + json_quoted(comparison.b) +
         ",\n \"notes\": " + json_value(comparison.notes) + ",\n \"text\": " +
         (alpha == nullptr ? "null" : json_quoted(analysis::paired_sentence(*alpha))) +
         ",\n \"missing_tensors\": " + json_value(comparison.missing_tensors) +
         ",\n \"usual\": " + json_array(comparison.usual) +
         ",\n \"paired\": " + json_array(comparison.paired) +
         ",\n \"layers\": " + json_array(comparison.rows) + "}\n";
}

std::vector<Card> comparison_cards(const analysis::Comparison& comparison) {
  const analysis::PairedRow* alpha = alpha_of(comparison);
  const auto count_if = [&](const auto& holds) {
    return std::to_string(std::count_if(comparison.rows.begin(), comparison.rows.end(), holds));
  };
  std::vector<double> moved;
  for (const analysis::ComparisonRow& row : comparison.rows) moved.push_back(row.moved);
  const double median = analysis::median_of(moved);
  const bool known = alpha != nullptr && !std::isnan(alpha->mean);
  return {{count_if([](const auto& row) { return row.status == analysis::Change::same; }) + " of " +
               std::to_string(comparison.rows.size()),
           "layers are the same"},
          {number(median, 2), "of its norm: the least change of a layer (median)"},
          {known ? signed_fixed(alpha->mean, 2) : "-", "change of the mean alpha",
           known && !std::isnan(alpha->low)
               ? "95 %: " + signed_fixed(alpha->low, 2) + " to " + signed_fixed(alpha->high, 2)
               : ""},
          {count_if([](const auto& row) { return row.significant; }),
           "layers with a significant change of alpha"},
          {count_if([](const auto& row) { return !row.new_warnings.empty(); }),
           "layers with new words of warning or remark"}};
}

}  // namespace

std::string render_comparison(const analysis::Comparison& comparison, const ReportStyle& style) {
  if (style.format == ReportFormat::json) return comparison_json(comparison);
  Page page(style);
  page.title("From " + comparison.a + " (A) to " + comparison.b + " (B)");
  page.verdict(analysis::verdict_of(comparison));
  page.cards(comparison_cards(comparison));
  page.figures(comparison_figures(comparison));
  const analysis::PairedRow* alpha = alpha_of(comparison);
  if (alpha != nullptr) page.paragraph(analysis::paired_sentence(*alpha));
  page.paragraph(counts_text(comparison, alpha != nullptr && analysis::is_shared(*alpha)));
  add_usual_changes(page, comparison.usual);
  for (const std::string& note : comparison.notes) page.paragraph("Note: " + note + ".");
  if (!comparison.paired.empty()) add_paired(page, comparison.paired);
  page.heading("Layers");
  page.table(layers_table(comparison));
  if (comparison.rows.size() > kMostRows) {
    page.paragraph(std::to_string(comparison.rows.size() - kMostRows) +
                   " more; --format csv --table layers lists all");
  }
  page.paragraph(
      "moved: lower bound on |A - B| / |A| (Frobenius norm), from the spectra. z: the change of "
      "alpha divided by the standard error of its two fits; * if it is significant at 5 % over all "
      "layers (Benjamini-Hochberg). log norm, log spec: change in decades of the squared norms. "
      "stable: ratio of the stable ranks.");
  return page.take();
}

}  // namespace wishart::report
