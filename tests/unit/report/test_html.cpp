/// @file
/// The HTML form of reports: foreign text stays text, drawings stay inside their axes.

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/report.hpp"

#include "figure/charts.hpp"
#include "figure/plot.hpp"
#include "page/html.hpp"
#include "support.hpp"
#include "text/escape.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// The elements of a page in their order, without texts and attributes.
std::string skeleton(const std::string& html) {
  std::string tags;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    tags += html.substr(at, html.find_first_of(" >", at) - at) + '>';
  }
  return tags;
}

CheckpointRecord named(const std::string& name) {
  LayerRow good = layer(name, 3.5, "unusual");
  good.role = good.stack = good.reason = name;
  good.has_esd = true;
  good.lambda_max = 9;
  LayerRow failed = layer(name, kNan, "error");
  failed.status = "error";
  failed.reason = failed.role = name;
  CheckpointRecord record = record_of({good, failed}, {{name, "F32", "4", 4, name, name}});
  record.provenance.checkpoint_id = record.provenance.checkpoint_path = name;
  record.provenance.format = record.provenance.mpi_layout = name;
  return record;
}

analysis::History history_named(const std::string& name) {
  analysis::HistoryBuilder builder(2);
  for (int step = 1; step <= 3; ++step) {
    CheckpointRecord record = named(name);
    record.provenance.training.step = step;
    record.provenance.training.loss = 3.0 - step;
    builder.add(record);
  }
  return builder.take();
}

}  // namespace

TEST_CASE("everything with a meaning in HTML is escaped, and the terminal's too", "[html]") {
  CHECK(html_text("<a href=\"x\" onclick='y'>&amp;") ==
        "&lt;a href=&quot;x&quot; onclick=&#39;y&#39;&gt;&amp;amp;");
  CHECK(html_text("a\x1b[2J\xe2\x80\xaetxt") == "a\\x1b[2J\\xe2\\x80\\xaetxt");
  CHECK(html_text("größe") == "größe");
  CHECK(html_text(std::string(1000, '<'), 3) == "&lt;&lt;&lt;...");
}

TEST_CASE("no name changes the elements of a page", "[html]") {
  const std::string plain =
      skeleton(render_run(history_named("plain"), named("plain"), ReportFormat::html));
  for (const std::string& name : hostile_names()) {
    CAPTURE(name);
    const std::string page = render_run(history_named(name), named(name), ReportFormat::html);
    CHECK(skeleton(page) == plain);
    CHECK(calm_on_a_terminal(page));
    CHECK(is_utf8(page));
  }
}

TEST_CASE("a page has a policy that allows nothing from elsewhere", "[html]") {
  const std::string page = render_report(named("m"), ReportFormat::html);
  CHECK(page.find("<!DOCTYPE html>\n") == 0);
  CHECK(page.find("content=\"default-src 'none'; style-src 'sha256-") != std::string::npos);
  for (const char* outside : {"http://", "https://", "src=", "url(", "@import"}) {
    CAPTURE(outside);
    CHECK(count(page, outside) == 0);
  }
  CHECK(count(page, "style=") == 0);  // the policy would not allow it
  CHECK(count(page, " href=\"") == count(page, " href=\"#"));
  CHECK(count(page, "<h2 id=\"sec-eigenvalues\">Eigenvalues<") == 1);
  CHECK(page.ends_with("</html>\n"));
}

TEST_CASE("every fitted layer is a dot in both drawings, others are not", "[html]") {
  LayerRow other = layer("b", 2.5);
  other.role = "attention.q";
  other.block = -1;
  LayerRow noise = layer("c", 80);
  LayerRow failed = layer("d", -1);
  failed.status = "failed";
  const std::vector<Figure> figures =
      layer_figures({layer("a"), other, noise, failed, layer("e", kNan)});
  REQUIRE(figures.size() == 2);
  for (const Figure& drawn : figures) {
    const std::string figure = html_figure(drawn);
    CHECK(count(figure, "<circle") == 3);
    CHECK(figure.find("a: alpha 3.5") != std::string::npos);
    CHECK(figure.find("above 10 at the edge") != std::string::npos);
    CHECK(figure.find("nan") == std::string::npos);
  }
  CHECK(html_figure(figures[0]).find(">outside<") != std::string::npos);
  CHECK(html_figure(figures[1]).find(">attention.q<") != std::string::npos);
  CHECK(layer_figures({failed}).empty());
}

TEST_CASE("of very many layers those with a warning are drawn all", "[html]") {
  std::vector<LayerRow> layers(3 * kMostDots, layer("plain"));
  for (std::size_t i = 1; i < 30; i += 2) layers[i] = layer("odd", 1.5, "unusual");
  const std::string figure = html_figure(layer_figures(layers).front());
  CHECK(count(figure, "odd: alpha 1.5") == 15);
  CHECK(count(figure, "<circle") < kMostDots);
  CHECK(figure.find(" of 12000 layers") != std::string::npos);
}

TEST_CASE("a history draws what is known of it", "[html]") {
  const std::vector<Figure> figures = history_figures(history_named("m"));
  std::string all;
  for (const Figure& figure : figures) all += html_figure(figure);
  CHECK(all.find("<figcaption>loss<") != std::string::npos);
  CHECK(all.find("<figcaption>learning rate<") == std::string::npos);
  CHECK(all.find("nan") == std::string::npos);
  CHECK(history_figures({}).empty());
}

TEST_CASE("an axis has round ticks inside of it, whatever its ends", "[html]") {
  const Axis axis = axis_over("x", -1, 9);
  REQUIRE(axis.ticks.size() == 5);
  CHECK(axis.ticks.front().text == "0");
  CHECK(axis.ticks.back().text == "8");
  const double huge = std::numeric_limits<double>::max();
  for (const auto& [low, high] :
       {std::pair(0.0, 0.0), std::pair(5.0, 5.0), std::pair(-huge, huge), std::pair(1e-300, 2e-300),
        std::pair(1e15, 1e15 + 1), std::pair(huge, huge)}) {
    CAPTURE(low, high);
    const Axis one = axis_over("x", low, high);
    CHECK(one.low < one.high);
    CHECK(one.ticks.size() <= 21);
    for (const Tick& tick : one.ticks) CHECK(std::isfinite(tick.at));
  }
}
