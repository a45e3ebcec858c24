/// @file
/// Figures of histories, comparisons, rankings and gates.

#include <catch2/catch.hpp>

#include "figure/charts.hpp"
#include "figure_support.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

TEST_CASE("a history marks its best checkpoint, and draws each layer at each checkpoint",
          "[figure]") {
  const analysis::History history = run_of(small_run(5));
  const std::vector<Figure> figures = history_figures(history);
  const Figure& loss = figure_of(figures, "fig-history-loss");
  CHECK(count(loss.svg, "<circle") == 5);
  CHECK(loss.svg.find(">best<") != std::string::npos);
  CHECK(loss.description.find("Lowest loss: step-200.") != std::string::npos);
  const Figure& alpha = figure_of(figures, "fig-layers-alpha");
  CHECK(count(alpha.svg, " data-i=") == 13 * 5);
  CHECK(alpha.svg.find("model.3.mlp.down at step-400: ") != std::string::npos);
  CHECK(count(figure_of(figures, "fig-layers-change").svg, " data-i=") == 13 * 4);
  REQUIRE(history.courses.size() == 13);
  const analysis::LayerCourse& head = history.courses.front();
  CHECK(head.key == "lm_head.weight");
  CHECK(head.index == 12);
  const auto course = course_figure(history, head);
  REQUIRE(course);
  CHECK(course->svg.find("step-400: alpha 5.7<") != std::string::npos);
  CHECK(course->svg.find("step-100: change 12.2") != std::string::npos);
  check_inside(course->svg);
}

TEST_CASE("a checkpoint with NaN is not the best one", "[figure]") {
  std::vector<CheckpointRecord> records = small_run(5);
  LayerRow& row = records[2].layers.front();  // of the lowest loss
  row.status = "nonfinite";
  row.num_nan = 1;
  const Figure loss = figure_of(history_figures(run_of(records)), "fig-history-loss");
  CHECK(loss.description.find("Lowest loss: step-400.") != std::string::npos);
}

TEST_CASE("a long history of many layers stays small", "[figure]") {
  std::vector<CheckpointRecord> records;
  for (int k = 0; k < 90; ++k) {
    std::vector<LayerRow> layers;
    for (std::int64_t i = 0; i < 200; ++i) layers.push_back(in_block("mlp.up", "model", i, 3));
    layers[150].alpha = 3 + 0.01 * k;
    records.push_back(record_of(layers));
    records.back().provenance.training.step = k;
  }
  const Figure figure = figure_of(history_figures(run_of(records)), "fig-layers-alpha");
  CHECK(figure.svg.size() < 500'000);
  CHECK(figure.caption.find("the 64 of 200 layers that changed most; 40 of 90 checkpoints") !=
        std::string::npos);
  CHECK(count(figure.svg, "data-i=\"150\"") == 40);
}

TEST_CASE("a comparison draws what moved, and alpha before and after", "[figure]") {
  CheckpointRecord a = record_of(small_model());
  CheckpointRecord b = a;
  for (StoredSpectrum& one : a.spectra) one.sigma = {1, 2, 3};
  b.layers[2].alpha = 4;
  for (std::size_t i = 0; i < b.spectra.size(); ++i) {
    a.layers[i].has_esd = b.layers[i].has_esd = true;
    b.spectra[i].sigma = {1, 2, 3 + 0.1 * static_cast<double>(i)};
  }
  const std::vector<Figure> figures = comparison_figures(analysis::compare(a, b));
  CHECK(ids_of(figures) == std::vector<std::string>{"fig-moved", "fig-alpha-pairs"});
  CHECK(count(figures[0].svg, "<circle") == 13);
  CHECK(figures[0].legend.size() == 4);
  CHECK(figures[0].description.find("to 32.1 % (lm_head.weight)") != std::string::npos);
  CHECK(count(figures[1].svg, "<title>") == 14);
  CHECK(figures[1].description.find("model.0.mlp.down, from 2.5 to 4") != std::string::npos);
}

TEST_CASE("models stand in their order with intervals", "[figure]") {
  std::vector<analysis::Model> models{analysis::model_of("good", small_model()),
                                      analysis::model_of("single", {layer("a")})};
  const std::vector<Figure> figures = ranking_figures(models, 0);
  REQUIRE(figures.size() == 1);
  CHECK(count(figures[0].svg, "<circle") == 2);
  CHECK(count(figures[0].svg, "<line class=\"s0\"") == 1);  // one layer has no interval
  CHECK(figures[0].svg.find(">single<") != std::string::npos);
}

TEST_CASE("what metrics are worth is drawn beside nought", "[figure]") {
  const std::vector<Figure> figures = worth_figures();
  REQUIRE(figures.size() == 1);
  CHECK(count(figures[0].svg, "<circle") == 3 * analysis::worths().size());
  CHECK(count(figures[0].svg, "<line class=\"s0\"") == analysis::worths().size());
  CHECK(count(figures[0].svg, "class=\"mark\"") == 1);
  CHECK(figures[0].svg.find("<title>alpha, one shape: -0.0") != std::string::npos);
}

TEST_CASE("scores have a row for each metric, with what holds within the groups", "[figure]") {
  analysis::FollowRow all;
  all.metric = "alpha";
  all.group = "all";
  all.spearman = 0.5;
  all.spearman_low = 0.1;
  all.spearman_high = 0.8;
  analysis::FollowRow within = all;
  within.group = "within";
  within.spearman = -0.4;
  analysis::FollowRow one = all;
  one.group = "llama";
  analysis::FollowRow unknown = all;
  unknown.metric = "D";
  unknown.spearman = std::nan("");
  const std::vector<Figure> figures = following_figures({all, within, one, unknown});
  REQUIRE(figures.size() == 1);
  CHECK(count(figures[0].svg, "<circle") == 2);
  CHECK(figures[0].svg.find("<title>alpha, within: -0.4 (0.1 to 0.8)") != std::string::npos);
  CHECK(figures[0].svg.find(">D<") != std::string::npos);
  CHECK(figures[0].legend.size() == 2);
  CHECK(following_figures({unknown}).empty());
}

TEST_CASE("rules stand with the share of layers outside and allowed", "[figure]") {
  analysis::RuleVerdict kept;
  kept.rule = "kept";
  kept.stage = "tuned";
  kept.passed = true;
  kept.judged = 40;
  kept.allowed = 4;
  kept.violations.resize(2);
  kept.violations[0].key = "a";
  kept.violations[1].key = "b";
  analysis::RuleVerdict broken = kept;
  broken.rule = "<broken>";
  broken.passed = false;
  broken.allowed = 1;
  analysis::RuleVerdict of_mean = broken;  // judges one number
  of_mean.violations.resize(1);
  of_mean.violations[0].key = "";
  analysis::RuleVerdict of_advice = kept;
  of_advice.judged = 1;
  of_advice.violations.clear();
  const std::vector<Figure> figures = gate_figures({kept, broken, of_mean, of_advice});
  REQUIRE(figures.size() == 1);
  CHECK(count(figures[0].svg, "<circle") == 2);
  CHECK(figures[0].svg.find("&lt;broken&gt;: 2 of 40 outside, allowed 1; %: 5 (0 to 2.5)") <
        figures[0].svg.find("kept: 2 of 40 outside, allowed 4; %: 5 (0 to 10)"));
  CHECK(figures[0].svg.find("<broken>") == std::string::npos);
  CHECK(gate_figures({of_mean, of_advice}).empty());
}
