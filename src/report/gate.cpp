#include <algorithm>
#include <cmath>

#include "wishart/analysis/verdict.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "figure/charts.hpp"
#include "page/page.hpp"
#include "text/numbers.hpp"
#include "usual.hpp"
#include "verdict_json.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostViolations = 20;

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
                          const std::vector<analysis::StageChange>& changes,
                          const analysis::Verdict& verdict, bool passed) {
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
  return json + "],\n \"verdict\": " + verdict_json(verdict) +
         ",\n \"changes\": " + changes_json(changes) + "}\n";
}

/// True if every rule has one verdict.
bool of_one_stage(const std::vector<analysis::RuleVerdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(), [&](const analysis::RuleVerdict& verdict) {
    return verdict.stage == verdicts.front().stage;
  });
}

TextTable violations_table(const analysis::RuleVerdict& verdict) {
  constexpr int kDigits = 4;  // as `number`, or more if a value would seem to be inside
  TextTable table = table_of({name_column("layer"), words_column("role", 60, "what the layer does"),
                              number_column("value", 90, "what the rule judged"),
                              number_column("here", 70, "the metric of this stage"),
                              number_column("other", 70, "that of the stage compared with")});
  for (const analysis::Violation& v : verdict.violations) {
    if (table.rows.size() == kMostViolations) break;
    const std::string value =
        std::isnan(v.value) ? number(v.value) : analysis::violation_text(verdict, v, kDigits);
    table.rows.push_back({v.key, v.role, value, number(v.here), number(v.other)});
  }
  return table;
}

/// The verdict of a rule, and the layers that broke it.
void add_rule(Page& page, const analysis::RuleVerdict& verdict) {
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

std::vector<Card> gate_cards(const std::vector<analysis::RuleVerdict>& verdicts) {
  const auto count = static_cast<std::int64_t>(verdicts.size());
  const auto broken = std::count_if(verdicts.begin(), verdicts.end(),
                                    [](const auto& verdict) { return !verdict.passed; });
  const auto limited = std::count_if(verdicts.begin(), verdicts.end(), [](const auto& verdict) {
    return verdict.passed && !verdict.caveat.empty();
  });
  std::vector<Card> cards{
      {std::to_string(count - broken) + " of " + std::to_string(count), "rules kept"},
      {std::to_string(broken), broken == 1 ? "rule broken" : "rules broken"}};
  if (limited > 0) {
    cards.push_back({std::to_string(limited), "kept with a reservation"});
  }
  return cards;
}

}  // namespace

std::string render_verdicts(const std::vector<analysis::RuleVerdict>& verdicts,
                            const std::vector<analysis::StageChange>& changes,
                            const analysis::Verdict& judged, const ReportStyle& style) {
  std::int64_t failed = 0;
  for (const analysis::RuleVerdict& one : verdicts) failed += one.passed ? 0 : 1;
  const analysis::Verdict verdict = analysis::verdict_of(verdicts, judged);
  if (style.format == ReportFormat::json) {
    return verdicts_json(verdicts, changes, verdict, failed == 0);
  }
  Page page(style);
  page.title("Gate" + (verdicts.empty() ? "" : " of " + verdicts.back().stage));
  page.verdict(verdict);
  page.cards(gate_cards(verdicts));
  page.heading("Rules");
  page.figures(gate_figures(verdicts));
  for (const bool passed : {false, true}) {
    for (const analysis::RuleVerdict& one : verdicts) {
      if (one.passed == passed) add_rule(page, one);
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
