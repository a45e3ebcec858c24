/// @file
/// What all figures share: the axis of depth, names, files, colours.

#include <algorithm>
#include <cmath>
#include <regex>

#include <catch2/catch.hpp>

#include "wishart/report/plots.hpp"

#include "figure/depth.hpp"
#include "figure/heat_map.hpp"
#include "figure/standalone.hpp"
#include "figure_support.hpp"
#include "support.hpp"
#include "text/names.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

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
  for (const std::size_t most : std::vector<std::size_t>{34, 26, 20}) {
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
