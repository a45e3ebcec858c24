/// @file
/// The figures: what stands where for planted values, in words too, whatever the names.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/plots.hpp"

#include "figure/charts.hpp"
#include "figure/density_figures.hpp"
#include "figure/depth.hpp"
#include "figure/heat_map.hpp"
#include "figure/layer_names.hpp"
#include "figure/standalone.hpp"
#include "figure/xmin_figure.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// A layer of a block, with a planted alpha.
LayerRow in_block(const std::string& role, const std::string& stack, std::int64_t block,
                  double alpha, std::int64_t expert = -1) {
  LayerRow row = layer(stack + "." + std::to_string(block) + "." + role +
                           (expert < 0 ? "" : "." + std::to_string(expert)),
                       alpha);
  row.role = role;
  row.stack = stack;
  row.block = block;
  row.expert = expert;
  return row;
}

/// Three roles in four blocks, and a head.
std::vector<LayerRow> small_model() {
  std::vector<LayerRow> layers;
  for (std::int64_t block = 0; block < 4; ++block) {
    for (const char* role : {"attention.q", "mlp.up", "mlp.down"}) {
      layers.push_back(in_block(role, "model", block, 2 + static_cast<double>(layers.size()) / 4));
    }
  }
  layers.push_back(layer("lm_head.weight", 5.5));
  layers.back().role = "head";
  layers.back().block = -1;
  return layers;
}

const Figure& figure_of(const std::vector<Figure>& figures, const std::string& id) {
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&](const Figure& figure) { return figure.id == id; });
  if (found == figures.end()) throw std::runtime_error("no figure " + id);
  return *found;
}

std::vector<std::string> ids_of(const std::vector<Figure>& figures) {
  std::vector<std::string> ids;
  for (const Figure& figure : figures) ids.push_back(figure.id);
  return ids;
}

/// The class of the element that stands for layer `i`.
std::string class_at(const std::string& svg, std::size_t i) {
  const std::size_t at = svg.find("data-i=\"" + std::to_string(i) + "\"");
  if (at == std::string::npos) return "";
  const std::size_t begin = svg.find("class=\"", svg.rfind('<', at)) + 7;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

/// A coordinate of that element.
double place_at(const std::string& svg, std::size_t i, const std::string& name) {
  const std::size_t at = svg.find("data-i=\"" + std::to_string(i) + "\"");
  REQUIRE(at != std::string::npos);
  const std::string element = svg.substr(svg.rfind('<', at), at - svg.rfind('<', at));
  const std::size_t found = element.find(" " + name + "=\"");
  REQUIRE(found != std::string::npos);
  return std::stod(element.substr(found + name.size() + 3));
}

/// Each number of the drawing is inside of its box.
void check_inside(const std::string& svg) {
  std::smatch size;
  REQUIRE(std::regex_search(svg, size, std::regex("viewBox=\"0 0 ([0-9.]+) ([0-9.]+)\"")));
  const double width = std::stod(size[1]);
  const double height = std::stod(size[2]);
  std::size_t found = 0;
  const std::regex place(" (x|x1|x2|cx|y|y1|y2|cy)=\"(-?[0-9.]+)\"");
  for (std::sregex_iterator it(svg.begin(), svg.end(), place); it != std::sregex_iterator(); ++it) {
    const double value = std::stod((*it)[2]);
    CHECK(value >= 0);
    CHECK(value <= ((*it)[1].str().find('x') != std::string::npos ? width : height));
    ++found;
  }
  CHECK(found > 5);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf\"") == std::string::npos);
}

analysis::History run_of(const std::vector<CheckpointRecord>& records) {
  analysis::HistoryBuilder builder(2);
  for (const CheckpointRecord& record : records) builder.add(record);
  return builder.take();
}

std::vector<CheckpointRecord> small_run(int checkpoints) {
  std::vector<CheckpointRecord> records;
  for (int k = 0; k < checkpoints; ++k) {
    std::vector<LayerRow> layers = small_model();
    for (LayerRow& row : layers) row.alpha += 1.0 / (1 + k), row.log_norm = 2 + 0.1 * k;
    records.push_back(record_of(layers));
    records.back().provenance.checkpoint_id = "step-" + std::to_string(100 * k);
    records.back().provenance.training.step = 100 * k;
    records.back().provenance.training.loss = k == 2 ? 1.0 : 3.0 - 0.1 * k;
  }
  return records;
}

double luminance(const std::string& colour) {
  const auto part = [&](std::size_t at) {
    const double v = std::stoi(colour.substr(at, 2), nullptr, 16) / 255.0;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

double contrast(const std::string& a, const std::string& b) {
  const double x = luminance(a);
  const double y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

/// The fill of a class in a part of the style.
std::string fill_of(const std::string& css, const std::string& name) {
  std::smatch found;
  if (!std::regex_search(css, found, std::regex("\\." + name + "\\{fill:(#[0-9a-f]{6})")))
    return "";
  return found[1];
}

}  // namespace

TEST_CASE("the axis of depth tells stages apart, and puts what is in no block at the end",
          "[figure]") {
  const Depth one({{"model", 10}, {"model", 2}, {"", -1}, {"model", 2}});
  CHECK(one.labels() == std::vector<std::string>{"2", "10", "outside"});
  CHECK(one.blocks() == 2);
  CHECK(one.axis_label() == "block");
  const Depth stages({{"layer2", 0}, {"layer1", 1}, {"layer1", 0}, {"layer10", 0}});
  CHECK(stages.labels() ==
        std::vector<std::string>{"layer1.0", "layer1.1", "layer2.0", "layer10.0"});
  CHECK(stages.index_of("layer2", 0) == 2);
  const Depth two({{"a.model", 0}, {"b.model", 0}});
  CHECK(two.labels() == std::vector<std::string>{"a.model.0", "b.model.0"});
}

TEST_CASE("a shortened name keeps block and expert", "[figure]") {
  const std::string name = "model.layers.60.mlp.experts.127.down_proj.weight";
  CHECK(brief_name(name, 80) == "model.layers.60.mlp.experts.127.down_proj");
  for (const std::size_t most : {34U, 26U, 20U}) {
    const std::string brief = brief_name(name, most);
    CAPTURE(brief);
    CHECK(brief.size() <= most);
    CHECK(brief.find("60.") != std::string::npos);
    CHECK(brief.find("127.") != std::string::npos);
  }
  CHECK(brief_name("lm_head.weight", 34) == "lm_head");
  for (const std::string& hostile : hostile_names()) {
    CHECK(calm_on_a_terminal(brief_name(hostile, 20)));
  }
}

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
  CHECK(warnings.description.find("1 of 13 layers need attention") != std::string::npos);
  for (const Figure& figure : figures) {
    CAPTURE(figure.id);
    check_inside(figure.svg);
    CHECK(figure.svg.find("<desc>") != std::string::npos);
    CHECK(figure.svg.find("style=") == std::string::npos);
  }
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

TEST_CASE("a file is whole by itself, whatever the names", "[figure]") {
  std::vector<std::string> plain;
  const std::string& hostile = hostile_names()[5];
  // A name of the same length, which has the same room for ticks.
  for (const std::string& name : {std::string(hostile.size(), 'p'), hostile}) {
    std::vector<LayerRow> layers = small_model();
    for (LayerRow& row : layers) row.key = row.role = row.stack = row.warning = name;
    std::string tags;
    for (const Picture& picture : checkpoint_pictures(record_of(layers), nullptr)) {
      CHECK(picture.svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig\""));
      CHECK(picture.svg.find("<script") == std::string::npos);
      CHECK(count(picture.svg, "http") == 1);
      CHECK(count(picture.svg, "<svg") == count(picture.svg, "</svg>"));
      CHECK(calm_on_a_terminal(picture.svg));
      for (const char c : picture.svg) {
        if (c == '<' || c == '>') tags += c;
      }
    }
    plain.push_back(tags);
  }
  CHECK(plain[0] == plain[1]);
}

TEST_CASE("series have a contrast of 3 to the paper, and shades run evenly", "[figure]") {
  const std::string css(figure_style());
  const std::size_t dark = css.find("@media screen and (prefers-color-scheme:dark)");
  REQUIRE(dark != std::string::npos);
  for (const std::string& part : {css.substr(0, dark), css.substr(dark)}) {
    const std::string paper = fill_of(part, "paper");
    REQUIRE(!paper.empty());
    for (std::size_t k = 0; k < kSeriesColours; ++k) {
      CAPTURE(k);
      CHECK(contrast(fill_of(part, series_class(k)), paper) >= 3);
    }
    bool falls = true;
    bool rises = true;
    for (std::size_t k = 0; k + 1 < kShades; ++k) {
      const double here = luminance(fill_of(part, "h" + std::to_string(k)));
      const double next = luminance(fill_of(part, "h" + std::to_string(k + 1)));
      falls = falls && next < here;
      rises = rises && next > here;
    }
    CHECK(falls != rises);
    CHECK(!fill_of(part, "v10").empty());
  }
}
