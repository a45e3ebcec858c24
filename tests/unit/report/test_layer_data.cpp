/// @file
/// What a page holds for its script: all layers, whatever their names and numbers.

#include <limits>
#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/report.hpp"

#include "page/html.hpp"
#include "page/layer_data.hpp"
#include "rendered.hpp"
#include "support.hpp"
#include "worst_first.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// The text between two parts of a page.
std::string between(const std::string& page, const std::string& begin, const std::string& end) {
  const std::size_t from = page.find(begin);
  REQUIRE(from != std::string::npos);
  const std::size_t start = from + begin.size();
  return page.substr(start, page.find(end, start) - start);
}

std::string layers_of(const std::string& page) {
  return between(page, "<script type=\"application/json\" id=\"layers\">", "</script>");
}

/// Layers in 61 blocks; the rank of the last one has collapsed.
std::vector<LayerRow> many_layers(int count) {
  std::vector<LayerRow> layers;
  for (int i = 0; i < count; ++i) {
    LayerRow row = layer("model.layers." + std::to_string(i * 61 / count) + ".mlp.experts." +
                         std::to_string(i) + ".up_proj.weight");
    row.block = i * 61 / count;
    row.expert = i;
    layers.push_back(row);
  }
  layers.back().warning = "rank-collapse";
  layers.back().matrix_rank = 4;
  return layers;
}

}  // namespace

TEST_CASE("no name ends the element that holds the layers, and the JSON is valid", "[layer_data]") {
  std::vector<std::string> names = hostile_names();
  names.insert(names.end(), {"</script><script>alert(1)</script>", "<!--", "]]>", "&quot;"});
  std::vector<LayerRow> layers;
  for (const std::string& name : names) {
    layers.push_back(layer(name));
    layers.back().role = layers.back().reason = layers.back().warning = name;
  }
  const std::string json = layer_data_json(layers, worst_first(layers));
  CHECK(JsonCheck::valid(json));
  CHECK(json.find_first_of("<>&") == std::string::npos);
  CHECK(is_utf8(json));
  CHECK(calm_on_a_terminal(json));
  CHECK(json.find(R"("\u003c/script\u003e\u003cscript\u003ealert(1)\u003c/script\u003e")") !=
        std::string::npos);
  const std::string page = render_report(record_of(layers), ReportFormat::html);
  CHECK(JsonCheck::valid(layers_of(page)));
}

TEST_CASE("what is not known of a layer is null, and numbers are rounded", "[layer_data]") {
  LayerRow row = layer("a");
  row.alpha = kNan;
  row.D = std::numeric_limits<double>::infinity();
  row.stable_rank = 12.3456789;
  row.log_norm = -0.000123456;
  row.matrix_rank = row.block = -1;
  const std::string json = layer_data_json({row}, {0});
  CHECK(JsonCheck::valid(json));
  CHECK(json.find(R"({"name": "alpha", "values": [null]})") != std::string::npos);
  CHECK(json.find(R"({"name": "D", "values": [null]})") != std::string::npos);
  CHECK(json.find(R"({"name": "matrix_rank", "values": [null]})") != std::string::npos);
  CHECK(json.find(R"({"name": "block", "values": [null]})") != std::string::npos);
  CHECK(json.find(R"({"name": "stable_rank", "values": [12.35]})") != std::string::npos);
  CHECK(json.find(R"({"name": "log_norm", "values": [-0.0001235]})") != std::string::npos);
  CHECK(JsonCheck::valid(layer_data_json({}, {})));
}

TEST_CASE("each column is a line, which the script of the page reads alone", "[layer_data]") {
  std::istringstream lines(layer_data_json({layer("a\nb"), layer("c")}, {1, 0}));
  std::string line;
  std::getline(lines, line);
  CHECK(line == R"({"layers": 2,)");
  std::getline(lines, line);
  CHECK(line == R"("columns": [)");
  std::size_t columns = 0;
  while (std::getline(lines, line) && line.rfind(R"({"name": ")", 0) == 0) {
    ++columns;
    CHECK(JsonCheck::valid(line.substr(0, line.rfind('}') + 1)));
  }
  CHECK(columns > 20);
  CHECK(line == R"("worst_first": [1,0]})");
}

TEST_CASE("texts that repeat are written once", "[layer_data]") {
  CHECK(text_column_json({"a", "b"}) == R"("values": ["a","b"])");
  const std::vector<std::string> roles{"attention.q", "mlp.up", "attention.q", "attention.q"};
  CHECK(text_column_json(roles) == R"("words": ["attention.q","mlp.up"], "at": [0,1,0,0])");
  CHECK(text_column_json({}) == R"("values": [])");
  CHECK(text_column_json({"a", "a"}) == R"("all": "a")");
  CHECK(text_column_json({"a"}) == R"("values": ["a"])");
  // Of a name only what differs from the one before it, but no part of a character.
  CHECK(text_column_json({"model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.bias",
                          "model.layers.0.mlp.down_proj.bi\xc3\xa4s"}) ==
        R"("shared": [0,19,31], "rest": ["model.layers.0.mlp.up_proj.weight","down_proj.bias",)"
        "\"\xc3\xa4s\"]");
}

TEST_CASE("the worst layers come first, then those with a remark, then the others",
          "[layer_data]") {
  std::vector<LayerRow> layers{layer("layers.10"),
                               layer("layers.2"),
                               layer("c", 3, "small-tail"),
                               layer("d", 3, "like-noise"),
                               layer("e", 3, "rank-collapse"),
                               layer("f", 1.5),
                               layer("g", 3, "rank-collapse")};
  layers[4].matrix_rank = 9;
  layers[6].matrix_rank = 3;
  CHECK(worst_first(layers) == std::vector<std::size_t>{6, 4, 3, 2, 5, 1, 0});
}

TEST_CASE("of a large model the page lists the worst, and holds all", "[layer_data]") {
  const int count = 2000;
  const std::string page = render_report(record_of(many_layers(count)), ReportFormat::html);
  const std::string table = between(page, "<table id=\"tab-layers\">", "</table>");
  CHECK(wishart::test::count(table, "<tr id=\"layer-") == kMostHtmlRows);
  const std::string first = table.substr(table.find("<tr id="), 300);
  CHECK(first.find("layer-1999") != std::string::npos);
  CHECK(first.find("experts.<wbr>1999.<wbr>up_proj") != std::string::npos);
  CHECK(page.find("300 of 2000 rows") != std::string::npos);
  const std::string rows =
      between(page, "<script type=\"application/json\" data-rows=\"tab-layers\">", "</script>");
  CHECK(JsonCheck::valid(rows));
  CHECK(wishart::test::count(rows, ".up_proj.weight") == 0);  // the layers' data has the names
  CHECK(rows.find("\n{\"of\": \"layer\"},\n{\"of\": \"role\"},") != std::string::npos);
  // The list of warnings leads to it.
  CHECK(page.find("<a href=\"#layer-1999\">") != std::string::npos);
  // A page of few layers holds no row twice.
  CHECK(render_report(record_of(many_layers(300)), ReportFormat::html).find("data-rows=\"tab-") ==
        std::string::npos);
}

TEST_CASE("rows that others link to are in the HTML, however many come before", "[layer_data]") {
  TextTable all{{"layer"}, {false}, {}, {}};
  for (std::size_t i = 0; i < 2 * kMostHtmlRows; ++i) {
    all.rows.push_back({"l" + std::to_string(i)});
    all.row_layers.push_back(static_cast<std::int64_t>(i));
  }
  const auto last = static_cast<std::int64_t>(all.rows.size()) - 1;
  const std::string html = html_layer_table(all, {"tab-layers", "Layers"}, {last});
  CHECK(count(html, "<tr id=") == kMostHtmlRows + 1);
  CHECK(count(html, "id=\"layer-" + std::to_string(last) + "\"") == 1);
}

TEST_CASE("anchors are made of letters and digits, and occur once", "[html]") {
  HtmlIds ids;
  CHECK(ids.take("sec-", "Layers that need attention") == "sec-layers-that-need-attention");
  CHECK(ids.take("sec-", "Is it still learning?") == "sec-is-it-still-learning");
  CHECK(ids.take("sec-", "LAYERS") == "sec-layers");
  CHECK(ids.take("sec-", "Layers") == "sec-layers-2");
  CHECK(ids.take("sec-", "Layers 2") == "sec-layers-2-2");
  CHECK(ids.take("sec-", "\"><script>") == "sec-script");
  CHECK(ids.take("sec-", "слой") == "sec-");
}

TEST_CASE("a name may break at its points, a number and a sentence not", "[html]") {
  CHECK(html_name("model.layers.6.mlp") == "model.<wbr>layers.<wbr>6.<wbr>mlp");
  CHECK(html_name("run/final") == "run/<wbr>final");
  CHECK(html_name("alpha 3.25. Then.") == "alpha 3.25. Then.");
  CHECK(html_name("<b>.x") == "&lt;b&gt;.<wbr>x");
}

TEST_CASE("figures of a group are folded away behind the first", "[html]") {
  std::vector<Figure> figures(4);
  for (std::size_t i = 0; i < figures.size(); ++i) {
    figures[i].id = "fig-" + std::to_string(i);
    figures[i].svg = "<svg></svg>";
    if (i == 0) continue;
    figures[i].group = "g";
    figures[i].choice = "<" + std::to_string(i) + ">";
  }
  const std::string html = html_figures(figures);
  CHECK(count(html, "<figure id=") == 4);
  CHECK(count(html, "<div class=\"choices\" data-choice=\"&lt;1&gt;\">") == 1);
  CHECK(count(html, "<details><summary>") == 2);
  CHECK(html.find("<summary>&lt;2&gt;</summary>\n<figure id=\"fig-2\">") != std::string::npos);
}
