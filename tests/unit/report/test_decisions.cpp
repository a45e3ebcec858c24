/// @file
/// Comparisons, verdicts, rankings and histories as texts: what they say, and that names from
/// strangers stay names.

#include <limits>

#include <catch2/catch.hpp>

#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "rendered.hpp"

using namespace wishart;
using namespace wishart::report;
using test::render_history;
using test::render_run;

namespace {

constexpr const char* kHostile = "a\x1b[2J|<b>\"\n# x";

analysis::Comparison comparison_of(const std::string& name) {
  analysis::Comparison comparison;
  comparison.a = name;
  comparison.b = "tuned";
  comparison.notes = {"of " + name};
  comparison.rows.resize(2);
  comparison.rows[0].key = comparison.rows[0].role = name;
  comparison.rows[0].status = analysis::Change::changed;
  comparison.rows[0].moved = 0.25;
  comparison.rows[0].alpha_z = -4;
  comparison.rows[0].significant = true;
  comparison.paired.resize(2);
  comparison.paired[0].metric = comparison.paired[1].metric = "alpha";
  comparison.paired[1].group_by = "role";
  comparison.paired[1].group = name;
  comparison.rows[1].key = "b";
  comparison.rows[1].status = analysis::Change::added;
  return comparison;
}

analysis::RuleVerdict verdict_of(const std::string& name, bool passed) {
  analysis::RuleVerdict verdict;
  verdict.rule = verdict.stage = verdict.text = name;
  verdict.passed = passed;
  if (!passed) verdict.violations.push_back({name, name, 3, 9, 9, 1});
  return verdict;
}

/// That on a checkpoint that needs no attention.
analysis::Verdict good() { return {analysis::Level::good, "No layer needs attention.", {}}; }

analysis::History history_of(const std::string& name) {
  analysis::History history;
  history.window = 3;
  history.rows.resize(2);
  history.rows[0].checkpoint = name;
  history.rows[1].checkpoint = "last";
  history.rows[1].settled_share = 0.5;
  history.drifts.push_back({name, name, "rank-falls", 64, 32});
  history.conclusion = {
      analysis::Advice::overfitting, analysis::Basis::losses, {"The eval loss rises."}, name};
  return history;
}

analysis::UsualChange usual_change() {
  analysis::UsualChange change;
  change.metric = "alpha";
  change.layers = 2;
  change.change = 0.3;
  change.percentile = 91;
  change.text = "The mean alpha rose.";
  return change;
}

/// All texts of one form, about things with this name.
std::vector<std::string> texts(const std::string& name, ReportFormat format) {
  analysis::Model model = analysis::model_of(name, {});
  analysis::Following following;
  following.rows.resize(1);
  following.rows[0].metric = "alpha";
  following.rows[0].group = name;
  following.unmatched = {name};
  return {render_comparison(comparison_of(name), format),
          render_verdicts({verdict_of(name, true), verdict_of(name, false)},
                          {{name, name, {usual_change()}}}, good(), format),
          render_ranking({model}, 0, following, {}, format),
          render_history(history_of(name), format)};
}

}  // namespace

TEST_CASE("names from strangers stay names in every text", "[decisions]") {
  for (const ReportFormat format :
       {ReportFormat::text, ReportFormat::markdown, ReportFormat::json}) {
    for (const std::string& text : texts(kHostile, format)) {
      CAPTURE(text);
      CHECK(text.find('\x1b') == std::string::npos);
      CHECK(text.find("\n# x") == std::string::npos);
      CHECK(text.back() == '\n');
      if (format == ReportFormat::markdown) CHECK(text.find("<b>") == std::string::npos);
    }
  }
  CHECK(csv_table(comparison_of("=1+1").rows).find("\n'=1+1,") != std::string::npos);
}

TEST_CASE("a comparison counts, and marks what is significant", "[decisions]") {
  const std::string text = render_comparison(comparison_of("base"), ReportFormat::text);
  // In a page the figures come before all tables.
  const std::string page = render_comparison(comparison_of("base"), ReportFormat::html);
  const std::size_t figure = page.find("<figure id=\"fig-");
  REQUIRE(figure != std::string::npos);
  CHECK(figure < page.find("<table"));
  CHECK(text.find("From base (A) to tuned (B)\n==========") == 0);
  CHECK(text.find("2 layers: 1 added, 1 changed. Tested layer by layer, the change of alpha is "
                  "significant in 1 layer (5 %, Benjamini-Hochberg).\n") != std::string::npos);
  CHECK(text.find("Note: of base.") != std::string::npos);
  CHECK(text.find("-4*") != std::string::npos);
}

TEST_CASE("a gate says pass or fail, layer by layer", "[decisions]") {
  const std::string text = render_verdicts({verdict_of("one", true), verdict_of("two", false)}, {},
                                           good(), ReportFormat::text);
  CHECK(text.find("pass  one (one): one.") != std::string::npos);
  CHECK(text.find("FAIL  two (two): two.") != std::string::npos);
  CHECK(text.find("Failed: 1 of 2 verdicts.") != std::string::npos);
  std::vector<analysis::RuleVerdict> of_one_stage{verdict_of("one", true), verdict_of("two", true)};
  of_one_stage[1].stage = "one";
  CHECK(
      render_verdicts(of_one_stage, {}, good(), ReportFormat::text).find("Passed: 2 of 2 rules.") !=
      std::string::npos);
  CHECK(render_verdicts({verdict_of("one", true)}, {}, good(), ReportFormat::text)
            .find("Passed: 1 of 1 rule.") != std::string::npos);
  const std::string json =
      render_verdicts({verdict_of("two", false)}, {}, good(), ReportFormat::json);
  CHECK(json.find("{\"schema\": \"wishart/gate/1\", \"passed\": false, ") == 0);
  CHECK(json.find("\"rules\": [") != std::string::npos);
  CHECK(
      json.find("{\"layer\": \"two\", \"role\": \"two\", \"block\": 3, \"value\": 9, \"here\": 9, "
                "\"other\": 1}") != std::string::npos);
}

TEST_CASE("a comparison and a gate say how usual a change is", "[decisions]") {
  analysis::Comparison comparison = comparison_of("base");
  comparison.usual = {usual_change()};
  for (const ReportFormat format : {ReportFormat::text, ReportFormat::markdown}) {
    CHECK(render_comparison(comparison, format).find("The mean alpha rose.") != std::string::npos);
    CHECK(render_verdicts({verdict_of("one", true)}, {{"b", "a", {usual_change()}}}, good(), format)
              .find("From a to b. The mean alpha rose.") != std::string::npos);
  }
  const std::string members =
      "{\"metric\": \"alpha\", \"layers\": 2, \"change\": 0.3, \"percentile\": 91";
  CHECK(render_comparison(comparison, ReportFormat::json).find("\"usual\": [\n  " + members) !=
        std::string::npos);
  CHECK(render_verdicts({}, {{"b", "a", {usual_change()}}}, good(), ReportFormat::json)
            .find("\"changes\": [\n  {\"stage\": \"b\", \"other\": \"a\", \"usual\": [\n  " +
                  members) != std::string::npos);
}

TEST_CASE("a ranking says what its order is worth", "[decisions]") {
  const analysis::Model model = analysis::model_of("one", {});
  const auto of = [&](std::size_t metric, ReportFormat format) {
    return render_ranking({model}, metric, {}, {}, format);
  };
  const std::string text = of(0, ReportFormat::text);
  CHECK(text.find("Models by alpha\n===============\n\nUnknown. There is only one") == 0);
  CHECK(text.find("\nAmong models of the same shape this order is worth nothing") !=
        std::string::npos);
  CHECK(text.find("What the metrics are worth\n") != std::string::npos);
  CHECK(text.find("share_below_2") != std::string::npos);
  const std::size_t last = analysis::rank_metrics().size() - 1;
  CHECK(of(last, ReportFormat::text).find("It is not known how ") != std::string::npos);
  const std::string json = of(0, ReportFormat::json);
  CHECK(json.find("\"by\": \"alpha\", \"text\": \"Among models of the same shape") !=
        std::string::npos);
  CHECK(json.find("\"worth_nothing\": false") != std::string::npos);
}

TEST_CASE("the change of alpha in a run is over layers that have one in both", "[decisions]") {
  analysis::History history = history_of("step-50");
  CheckpointRecord before;
  before.provenance.checkpoint_id = "step-50";
  for (const char* key : {"a", "b"}) {
    LayerRow row;
    row.key = row.longname = key;
    row.status = "success";
    row.has_esd = true;
    row.alpha = key[0] == 'a' ? 2 : 6;
    before.layers.push_back(row);
  }
  CheckpointRecord last = before;
  last.layers[0].alpha = 2.25;
  last.layers[1].alpha = kNan;
  last.layers[1].status = "no-tail";
  history.rows[0].alpha = 4;
  history.rows[1].alpha = 2.25;
  history.rows[1].layers = 2;
  history.rows[1].fitted = 1;
  const std::string text = render_run(history, last, ReportFormat::text, {&before, nullptr});
  CHECK(text.find("  2.25 mean alpha of 1 of 2 layers, 4.00 at first (+0.25 since step-50)\n") !=
        std::string::npos);
}

TEST_CASE("a history gives advice with evidence and caveat", "[decisions]") {
  const std::string text = render_history(history_of("step-50"), ReportFormat::text);
  CHECK(text.find("History of 2 checkpoints\n") == 0);
  CHECK(text.find("Stop: what it learns now no longer holds for held-out data. Go back to step-50, "
                  "which has the lowest loss.\n") != std::string::npos);
  CHECK(text.find("Reasons: The eval loss rises.\n") != std::string::npos);
  CHECK(text.find("50 % of the layers have settled") != std::string::npos);
  CHECK(text.find("Caveat: settled spectra do not show that the weights have stopped changing") !=
        std::string::npos);
  CHECK(text.find("rank-falls") != std::string::npos);
  CHECK(text.find("; no loss was recorded.") != std::string::npos);
  analysis::History with_loss = history_of("step-50");
  with_loss.rows[0].loss = 2;
  CHECK(render_history(with_loss, ReportFormat::text).find("no loss was recorded") ==
        std::string::npos);
  for (const analysis::Advice advice : analysis::kAdvices) {
    with_loss.conclusion.advice = advice;
    const std::string word(analysis::advice_name(advice));
    CHECK(render_history(with_loss, ReportFormat::json).find("\"advice\": \"" + word + "\"") !=
          std::string::npos);
  }
  CHECK(render_history({}, ReportFormat::text).find("History of 0 checkpoints") == 0);
  const std::string json = render_history(history_of("step-50"), ReportFormat::json);
  CHECK(json.find("\"basis\": \"losses\"") != std::string::npos);
  CHECK(json.find("\"reasons\": [\"The eval loss rises.\"]") != std::string::npos);
  CHECK(json.find("\"best_checkpoint\": \"step-50\"") != std::string::npos);
}

TEST_CASE("a comparison names where misplaced weights are from, and only then", "[decisions]") {
  analysis::Comparison comparison = comparison_of("a");
  const ReportStyle wide(ReportFormat::text, 0);
  CHECK(render_comparison(comparison, wide).find("  from") == std::string::npos);
  comparison.rows[0].status = analysis::Change::misplaced;
  comparison.rows[0].from = "the other place";
  const std::string text = render_comparison(comparison, wide);
  CHECK(text.find("  from") != std::string::npos);
  CHECK(text.find("the other place\n") != std::string::npos);
}

TEST_CASE("the JSON of a ranking tells which scores are better, and whether of one run",
          "[decisions][json]") {
  const analysis::Model model = analysis::model_of("one", {});
  analysis::Following following;
  const auto json = [&] {
    return render_ranking({model}, 0, following, {}, ReportStyle(ReportFormat::json));
  };
  CHECK(json().find("\"score\": null, \"lower_is_better\": false, \"of_runs\": false") !=
        std::string::npos);
  following.score = {"loss", true};
  following.of_runs = true;
  CHECK(json().find("\"score\": \"loss\", \"lower_is_better\": true, \"of_runs\": true") !=
        std::string::npos);
  following.score = {"value", std::nullopt};
  CHECK(json().find("\"score\": \"value\", \"lower_is_better\": null") != std::string::npos);
}
