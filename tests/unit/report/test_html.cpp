/// @file
/// The HTML form of reports: foreign text stays text, drawings stay inside their axes.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/report.hpp"

#include "figure/charts.hpp"
#include "figure/plot.hpp"
#include "page/html.hpp"
#include "page/page.hpp"
#include "rendered.hpp"
#include "support.hpp"
#include "text/escape.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// The elements of a page, sorted, since figures order roles by their names; without texts,
/// attributes and places to break a line.
std::vector<std::string> skeleton(const std::string& html) {
  std::vector<std::string> tags;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::string tag = html.substr(at, html.find_first_of(" >", at) - at);
    if (tag != "<wbr") tags.push_back(tag);
  }
  std::sort(tags.begin(), tags.end());
  return tags;
}

CheckpointRecord named(const std::string& name) {
  LayerRow good = layer(name, 3.5, "unusual");
  good.role = good.stack = good.reason = name;
  good.has_esd = true;
  good.lambda_max = 9;
  LayerRow failed = layer(name, kNan, "error");
  failed.status = "error";
  // The same stack: another one would be sorted before or after it by its name.
  failed.reason = failed.role = failed.stack = name;
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

/// The elements of sorted lists that are in one of them only.
std::vector<std::string> differing(const std::vector<std::string>& a,
                                   const std::vector<std::string>& b) {
  std::vector<std::string> difference;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::back_inserter(difference));
  return difference;
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
  const std::vector<std::string> plain =
      skeleton(render_run(history_named("plain"), named("plain"), ReportFormat::html));
  for (const std::string& name : hostile_names()) {
    CAPTURE(name);
    const std::string page = render_run(history_named(name), named(name), ReportFormat::html);
    CHECK(differing(skeleton(page), plain) == std::vector<std::string>{});
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

TEST_CASE("a reason links to its figure, and to its section if there is none", "[html]") {
  analysis::Verdict verdict;
  verdict.reasons = {{"seen", "sec-a", {"fig-none", "fig-b", "fig-c"}},
                     {"told", "sec-a", {"fig-none"}},
                     {"said", "", {}}};
  Page page(ReportFormat::html);
  page.title("t");
  page.verdict(verdict);
  page.heading("a");
  std::vector<Figure> figures(2);
  figures[0].id = "fig-c";
  figures[1].id = "fig-b";
  page.figures(figures);
  const std::string html = page.take();
  CHECK(
      html.find("<ul>\n<li><a href=\"#fig-b\">seen</a></li>\n<li><a href=\"#sec-a\">told</a></li>\n"
                "<li>said</li>\n</ul>\n</section>") != std::string::npos);
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

TEST_CASE("no two ticks have the same number, and no number is cut", "[html]") {
  for (const auto& [low, high] :
       {std::pair(10.6801, 10.6805), std::pair(-0.59384, -0.59379), std::pair(0.028843, 0.028862),
        std::pair(123456.0, 123461.0), std::pair(1.5e6, 1.5e6 + 40), std::pair(1e15, 1e15 + 1)}) {
    for (const Axis& axis : {axis_over("x", low, high), count_axis("x", low, high)}) {
      CAPTURE(low, high);
      REQUIRE(axis.ticks.size() >= 2);
      for (std::size_t i = 1; i < axis.ticks.size(); ++i) {
        CAPTURE(axis.ticks[i].text);
        CHECK(axis.ticks[i].text != axis.ticks[i - 1].text);
      }
      Canvas canvas(300, 200);
      const Plot plot(canvas, {0, 0, 300, 200}, axis_over("x", 0, 1), axis);
      for (const Tick& tick : axis.ticks) {
        CHECK(canvas.svg("", "").find(">" + tick.text + "</text>") != std::string::npos);
      }
    }
  }
  CHECK(axis_over("x", 10.6801, 10.6805).ticks.front().text == "10.6801");
  CHECK(axis_over("x", 0, 1).ticks[1].text == "0.2");
}

TEST_CASE("a course that hardly moves looks as if it hardly moves", "[html]") {
  const Axis flat = calm_axis("", 10.6801, 10.6805);
  CHECK(flat.high - flat.low > 0.1);
  CHECK((flat.low < 10.63 && 10.73 < flat.high));
  const Axis falling = calm_axis("", 2.0, 4.0);
  CHECK(falling.high - falling.low < 2.2);
  const Axis zero = calm_axis("", 0, 0);
  CHECK(zero.low < zero.high);
}
