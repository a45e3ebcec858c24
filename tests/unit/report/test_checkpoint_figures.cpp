/// @file
/// Figures of a checkpoint: what stands where for planted values, whatever the names.

#include <limits>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/report/plots.hpp"

#include "figure/charts.hpp"
#include "figure/density_figures.hpp"
#include "figure/heat_map.hpp"
#include "figure/xmin_figure.hpp"
#include "figure_support.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

TEST_CASE("a heat map has a cell for each layer, shaded by its value", "[figure]") {
  std::vector<LayerRow> layers = small_model();
  layers[4].alpha = kNan;
  layers[7].warning = "rank-collapse";
  const std::vector<Figure> figures = checkpoint_figures(record_of(layers));
  const Figure& alpha = figure_of(figures, "fig-blocks-alpha");
  CHECK(alpha.group == "blocks");
  CHECK(alpha.choice == "alpha");
  std::string last;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CAPTURE(i);
    const std::string shade = class_at(alpha.svg, i);
    if (i == 4) {
      CHECK(shade == "none");
      continue;
    }
    REQUIRE(shade.starts_with("h"));
    if (!last.empty()) CHECK(std::stoi(shade.substr(1)) >= std::stoi(last.substr(1)));
    last = shade;
  }
  CHECK(class_at(alpha.svg, 0) == "h0");
  CHECK(class_at(alpha.svg, 12) == "h11");
  CHECK(place_at(alpha.svg, 3, "x") > place_at(alpha.svg, 0, "x"));
  CHECK(place_at(alpha.svg, 3, "y") == place_at(alpha.svg, 0, "y"));
  CHECK(alpha.svg.find(">not known<") != std::string::npos);
  CHECK(alpha.svg.find(">outside<") != std::string::npos);
  CHECK(alpha.description.find("From 2 (model.0.attention.q) to 5.5 (lm_head.weight)") !=
        std::string::npos);
  const Figure& warnings = figure_of(figures, "fig-blocks-warnings");
  CHECK(class_at(warnings.svg, 7) == "h11");
  CHECK(class_at(warnings.svg, 8) == "calm");
  CHECK(warnings.svg.find(">100 %<") != std::string::npos);
  CHECK(warnings.description.find("1 of 13 layers need attention") != std::string::npos);
  for (const Figure& figure : figures) {
    CAPTURE(figure.id);
    check_inside(figure.svg);
    CHECK(figure.svg.find("<desc>") != std::string::npos);
    CHECK(figure.svg.find("style=") == std::string::npos);
  }
}

TEST_CASE("a map of warnings ends at its highest share", "[figure]") {
  HeatMap map({"a"}, {"0", "1"});
  map.at(0, 0) = {true, 0.04, "", ""};
  map.at(0, 1) = {true, 0, "", ""};
  const HeatScale scale(ScaleKind::share, "share", map.values());
  CHECK(scale.high() == 0.04);
  CHECK(scale.shade(0.04) == "h11");
  CHECK(scale.shade(0) == "calm");
  const std::string svg = heat_svg(map, scale, "t", "d");
  CHECK(svg.find(">4 %<") != std::string::npos);
  const std::string quiet = heat_svg(map, HeatScale(ScaleKind::share, "share", {0, 0}), "t", "d");
  CHECK(quiet.find(">none<") != std::string::npos);
  CHECK(quiet.find(" %<") == std::string::npos);
}

TEST_CASE("what is not known has no figure", "[figure]") {
  LayerRow none = layer("a", kNan);
  none.status = "failed";
  none.stable_rank = kNan;
  CHECK(ids_of(checkpoint_figures(record_of({none}))) ==
        std::vector<std::string>{"fig-blocks-warnings"});
  CHECK(checkpoint_figures(record_of({})).empty());
  CHECK(history_figures({}).empty());
  CHECK(comparison_figures({}).empty());
  CHECK(ranking_figures({}, 0).empty());
}

TEST_CASE("the change is that against the base, else since the checkpoint before", "[figure]") {
  std::vector<LayerRow> layers = small_model();
  std::vector<LayerRow> before = layers;
  before[0].log_norm = layers[0].log_norm - 0.2;  // 26 % of the norm
  before[1].log_norm = layers[1].log_norm + 0.3;
  before[2].key = "another";
  const auto since = checkpoint_figures(record_of(layers), &before);
  const Figure& change = figure_of(since, "fig-blocks-change");
  CHECK(class_at(change.svg, 0) == "v10");
  CHECK(class_at(change.svg, 1) == "v0");
  CHECK(class_at(change.svg, 2) == "none");
  CHECK(class_at(change.svg, 3) == "v5");
  CHECK(change.description.find("25.9 % (model.0.attention.q)") != std::string::npos);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].weights.delta_frobenius = 0.01 * static_cast<double>(1 + i);
  }
  const auto beside = checkpoint_figures(record_of(layers), &before);
  CHECK(figure_of(beside, "fig-blocks-change").caption.find("against the base") !=
        std::string::npos);
}

TEST_CASE("alpha stands over depth in a panel for each role, with what noise has", "[figure]") {
  std::vector<LayerRow> layers = small_model();
  for (LayerRow& row : layers) row.alpha_null = 4, row.alpha_null_sd = 0.2;
  layers[5].warning = "unusual";
  layers[11].alpha = 80;
  const Figure figure = figure_of(checkpoint_figures(record_of(layers)), "fig-alpha-by-block");
  CHECK(count(figure.svg, "class=\"head\"") == 3);  // the head has no depth
  CHECK(count(figure.svg, "class=\"band\"") == 3);
  for (std::size_t i = 0; i < 12; ++i) {
    CAPTURE(i);
    CHECK(count(figure.svg, "data-i=\"" + std::to_string(i) + "\"") == 1);
  }
  CHECK(class_at(figure.svg, 5) == "s1 odd");
  CHECK(figure.caption.find("above 10 at the edge") != std::string::npos);
  // Blocks run to the right, alpha upwards.
  CHECK(place_at(figure.svg, 6, "cx") > place_at(figure.svg, 3, "cx"));
  CHECK(place_at(figure.svg, 6, "cy") < place_at(figure.svg, 3, "cy"));
}

TEST_CASE("no dot of a role hides another", "[figure]") {
  std::vector<LayerRow> layers(20, layer("same", 3.0));
  const Figure figure = figure_of(checkpoint_figures(record_of(layers)), "fig-alpha-by-role");
  std::set<double> heights;
  for (std::size_t i = 0; i < 5; ++i) heights.insert(place_at(figure.svg, i, "cy"));
  CHECK(heights.size() == 5);
}

TEST_CASE("the number of an expert may be as large as a stranger likes", "[figure][strangers]") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::vector<LayerRow> layers;
  for (const std::int64_t expert : {std::int64_t{0}, most}) {
    layers.push_back(in_block("mlp.up", "model", 0, 3, expert));
  }
  const std::vector<Figure> figures = checkpoint_figures(record_of(layers));
  const Figure& experts = figure_of(figures, "fig-experts-alpha");
  CHECK(experts.svg.find("-9223372036854775807") != std::string::npos);
  CHECK(experts.svg.find("9223372036854775808 experts in") != std::string::npos);
}

TEST_CASE("figures of very many layers are small, and the odd expert is in them", "[figure]") {
  std::vector<LayerRow> layers;
  for (std::int64_t block = 0; block < 61; ++block) {
    for (std::int64_t expert = 0; expert < 256; ++expert) {
      layers.push_back(in_block("mlp.up", "model", block,
                                3 + 0.01 * static_cast<double>((block + expert) % 7), expert));
    }
  }
  const std::size_t odd = 60 * 256 + 201;
  layers[odd].alpha = 9;
  layers[odd].warning = "rank-collapse";
  const std::vector<Figure> figures = checkpoint_figures(record_of(layers));
  std::size_t bytes = 0;
  for (const Figure& figure : figures) {
    CAPTURE(figure.id, figure.svg.size());
    CHECK(figure.svg.size() < 600'000);
    bytes += figure.svg.size();
  }
  CHECK(bytes < 3'000'000);
  const Figure& experts = figure_of(figures, "fig-experts-alpha");
  CHECK(experts.svg.find(layers[odd].key + ": alpha 9, rank-collapse (the most unusual of 8)") !=
        std::string::npos);
  CHECK(experts.svg.find("data-block=\"60\" data-expert=\"200-207\"") != std::string::npos);
  const Figure& blocks = figure_of(figures, "fig-blocks-alpha");
  CHECK(blocks.svg.find("data-role=\"mlp.up\" data-block=\"60\"") != std::string::npos);
  CHECK(blocks.svg.find("256 layers, alpha 3.03 (3 to 9)") != std::string::npos);
  const Figure& depth = figure_of(figures, "fig-alpha-by-block");
  CHECK(depth.svg.find("data-i=\"" + std::to_string(odd) + "\"") != std::string::npos);
}

TEST_CASE("the fit along xmin has its choice and its rival", "[figure]") {
  LayerRow row = layer("a", 3);
  row.xmin = 2;
  row.rival_xmin = 8;
  row.rival_alpha = 4;
  row.alpha_low = 2.5;
  row.alpha_high = 3.5;
  std::vector<XminCandidate> candidates;
  for (int k = 1; k <= 20; ++k) candidates.push_back({k / 1.0, 2 + k / 10.0, 0.1});
  const auto figure = xmin_figure(row, 7, candidates);
  REQUIRE(figure);
  CHECK(figure->id == "fig-xmin-7");
  CHECK(count(figure->svg, "<polyline") == 2);
  CHECK(count(figure->svg, "class=\"mark\"") == 4);
  CHECK(count(figure->svg, "class=\"band\"") == 1);
  check_inside(figure->svg);
  CHECK_FALSE(xmin_figure(row, 7, {}));
}

TEST_CASE("a spectrum tells its rival tail and random orders", "[figure]") {
  CheckpointRecord record = record_of({layer("a", 2.5)});
  LayerRow& row = record.layers[0];
  row.xmin = 1, row.xmax = 16, row.rival_xmin = 4, row.rival_alpha = 3.5;
  row.weights.num_rand = 3, row.weights.max_rand_eval = 6.25;
  record.spectra[0].sigma = {0.5, 0.8, 1, 1.2, 1.5, 2, 2.5, 3, 4};
  const auto figure = density_figure(record, 0);
  REQUIRE(figure);
  CHECK(count(figure->svg, "class=\"band\"") == 1);
  CHECK(figure->svg.find(">random<") != std::string::npos);
  CHECK(figure->description.find("in 3 random orders of the elements, 6.25") != std::string::npos);
  CHECK_FALSE(density_figure(record, 1));
}
