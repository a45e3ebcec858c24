#include <algorithm>
#include <map>

#include "wishart/report/decisions.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "page/page.hpp"
#include "paired.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostRows = 200;
constexpr std::size_t kMostViolations = 20;

std::string signed_number(double value, int digits) {
  return (value > 0 ? "+" : "") + number(value, digits);
}

TextTable layers_table(const analysis::Comparison& comparison) {
  TextTable table;
  table.header = {"layer", "role",     "status",   "moved",  "alpha A", "alpha B",     "change",
                  "z",     "log norm", "log spec", "stable", "rank",    "new warnings"};
  table.right_aligned = {false, false, false, true, true, true, true,
                         true,  true,  true,  true, true, false};
  for (const analysis::ComparisonRow& r : comparison.rows) {
    if (table.rows.size() == kMostRows) break;
    table.rows.push_back(
        {r.key, r.role, r.status, number(r.moved, 3), fixed(r.alpha_a, 3), fixed(r.alpha_b, 3),
         signed_number(r.alpha_change, 3), number(r.alpha_z, 2) + (r.significant ? "*" : ""),
         signed_number(r.log_norm_change, 2), signed_number(r.log_spectral_norm_change, 2),
         number(r.stable_rank_ratio, 3),
         r.rank_change == 0 ? "" : signed_number(static_cast<double>(r.rank_change), 9),
         r.new_warnings});
  }
  return table;
}

/// The number of layers with each status, and the number with a significant change of alpha.
std::string counts_text(const analysis::Comparison& comparison, bool shared) {
  std::map<std::string, std::int64_t> counts;
  std::int64_t significant = 0;
  for (const analysis::ComparisonRow& row : comparison.rows) {
    ++counts[row.status];
    significant += row.significant ? 1 : 0;
  }
  std::string text;
  for (const auto& [status, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + status;
  }
  text = plural(static_cast<std::int64_t>(comparison.rows.size()), "layer") + ": " +
         (text.empty() ? "none" : text) +
         ". Tested layer by layer, the change of alpha is significant in " +
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
  const analysis::PairedRow* alpha = analysis::alpha_of_all(comparison.paired);
  return json_opening(kCompareSchema) + ", \"a\": " + json_quoted(comparison.a) +
         ", \"b\": " + json_quoted(comparison.b) +
         ",\n \"notes\": " + json_value(comparison.notes) + ",\n \"text\": " +
         (alpha == nullptr ? "null" : json_quoted(analysis::paired_sentence(*alpha))) +
         ",\n \"usual\": " + json_array(comparison.usual) +
         ",\n \"paired\": " + json_array(comparison.paired) +
         ",\n \"layers\": " + json_array(comparison.rows) + "}\n";
}

std::string violation_json(const analysis::Violation& v) {
  return "{\"layer\": " + json_value_or_null(v.key) + ", \"role\": " + json_quoted(v.role) +
         ", \"block\": " + std::to_string(v.block) + ", \"value\": " + json_value(v.value) +
         ", \"here\": " + json_value(v.here) + ", \"other\": " + json_value(v.other) + "}";
}

std::string changes_json(const std::vector<analysis::StageChange>& changes) {
  std::string json = "[";
  for (const analysis::StageChange& one : changes) {
    json += (json.size() > 1 ? ",\n  {" : "\n  {");
    json += "\"stage\": " + json_quoted(one.stage) + ", \"other\": " + json_quoted(one.other) +
            ", \"usual\": " + json_array(one.changes) + "}";
  }
  return json + "]";
}

std::string verdicts_json(const std::vector<analysis::RuleVerdict>& verdicts,
                          const std::vector<analysis::StageChange>& changes, bool passed) {
  std::string json =
      json_opening(kGateSchema) + ", \"passed\": " + json_value(passed) + ", \"rules\": [";
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const analysis::RuleVerdict& v = verdicts[i];
    json += (i > 0 ? ",\n  {" : "\n  {");
    json += "\"rule\": " + json_quoted(v.rule) + ", \"stage\": " + json_quoted(v.stage) +
            ", \"about\": " + json_value_or_null(v.about) +
            ", \"other\": " + json_value_or_null(v.other) +
            ", \"passed\": " + json_value(v.passed) + ", \"judged\": " + std::to_string(v.judged) +
            ", \"unknown\": " + std::to_string(v.unknown) +
            ", \"allowed\": " + std::to_string(v.allowed) + ", \"text\": " + json_quoted(v.text) +
            ",\n   \"violations\": [";
    for (std::size_t k = 0; k < v.violations.size(); ++k) {
      json += (k > 0 ? ", " : "") + violation_json(v.violations[k]);
    }
    json += "]}";
  }
  return json + "],\n \"changes\": " + changes_json(changes) + "}\n";
}

/// How usual the changes are, in one paragraph.
void add_usual_changes(Page& page, const std::vector<analysis::UsualChange>& changes,
                       const std::string& before = "") {
  std::string text = before;
  for (const analysis::UsualChange& change : changes) {
    text += (text.empty() ? "" : " ") + change.text;
  }
  if (!changes.empty()) page.paragraph(text);
}

/// True if every rule has one verdict.
bool of_one_stage(const std::vector<analysis::RuleVerdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(), [&](const analysis::RuleVerdict& verdict) {
    return verdict.stage == verdicts.front().stage;
  });
}

TextTable violations_table(const analysis::RuleVerdict& verdict) {
  TextTable table;
  table.header = {"layer", "role", "value", "here", "other"};
  table.right_aligned = {false, false, true, true, true};
  for (const analysis::Violation& v : verdict.violations) {
    if (table.rows.size() == kMostViolations) break;
    table.rows.push_back(
        {v.key, v.role, number(v.value, 5), number(v.here, 5), number(v.other, 5)});
  }
  return table;
}

}  // namespace

std::string render_comparison(const analysis::Comparison& comparison, ReportFormat format) {
  if (format == ReportFormat::json) return comparison_json(comparison);
  Page page(format);
  page.title("From " + comparison.a + " (A) to " + comparison.b + " (B)");
  const analysis::PairedRow* alpha = analysis::alpha_of_all(comparison.paired);
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

std::string render_verdicts(const std::vector<analysis::RuleVerdict>& verdicts,
                            const std::vector<analysis::StageChange>& changes,
                            ReportFormat format) {
  std::int64_t failed = 0;
  for (const analysis::RuleVerdict& verdict : verdicts) failed += verdict.passed ? 0 : 1;
  if (format == ReportFormat::json) return verdicts_json(verdicts, changes, failed == 0);
  Page page(format);
  page.title("Gate");
  for (const analysis::RuleVerdict& verdict : verdicts) {
    page.paragraph(
        std::string(verdict.passed ? "pass" : "FAIL") + "  " + verdict.rule + " (" + verdict.stage +
        (verdict.about.empty() ? "" : ", " + verdict.about) +
        (verdict.other.empty() ? "" : " against " + verdict.other) + "): " + verdict.text + "." +
        (verdict.unknown > 0 ? " " + plural(verdict.unknown, "layer") + " without a value." : ""));
    const bool of_layers = !verdict.violations.empty() && !verdict.violations.front().key.empty();
    if (of_layers) page.table(violations_table(verdict));
    if (verdict.violations.size() > kMostViolations) {
      page.paragraph("and " + std::to_string(verdict.violations.size() - kMostViolations) +
                     " more; --format json lists all");
    }
  }
  for (const analysis::StageChange& one : changes) {
    add_usual_changes(page, one.changes, "From " + one.other + " to " + one.stage + ".");
  }
  const auto count = static_cast<std::int64_t>(verdicts.size());
  page.paragraph((failed == 0 ? "Passed: " : "Failed: ") +
                 std::to_string(failed == 0 ? count : failed) + " of " +
                 plural(count, of_one_stage(verdicts) ? "rule" : "verdict") + ".");
  return page.take();
}

}  // namespace wishart::report
