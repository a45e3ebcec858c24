/// @file
/// What is said about a change that layers share.

#include <catch2/catch.hpp>

#include "wishart/report/decisions.hpp"

using namespace wishart;
using namespace wishart::report;
using analysis::is_shared;
using analysis::paired_change;
using analysis::paired_sentence;
using analysis::PairedRow;

namespace {

PairedRow alpha_change(const std::vector<double>& changes) {
  PairedRow row = paired_change(std::vector<double>(changes.size(), 0.0), changes);
  row.metric = "alpha";
  return row;
}

std::string sentence(const std::vector<double>& changes) {
  return paired_sentence(alpha_change(changes));
}

/// `count` changes about `center`, the last of which is `last`.
std::vector<double> changes(std::size_t count, double center, double last) {
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(center + (i % 2 == 0 ? 0.05 : -0.05));
  out.back() = last;
  return out;
}

}  // namespace

TEST_CASE("a shared change is told with its size and interval", "[paired]") {
  // Mean and interval by hand: 30 changes of -0.2 +- 0.05 and one of +0.1.
  CHECK(sentence(changes(31, -0.2, 0.1)) ==
        "alpha fell in 30 of 31 layers, by 0.19 on average (95 %: 0.16 to 0.22).");
  CHECK(sentence(changes(31, 0.2, -0.1)) ==
        "alpha rose in 30 of 31 layers, by 0.19 on average (95 %: 0.16 to 0.22).");
  CHECK(is_shared(alpha_change(changes(31, 0.2, -0.1))));
}

TEST_CASE("a mean that few layers make is told as such", "[paired]") {
  std::vector<double> few(20, 0.01);
  for (std::size_t i = 0; i < 8; ++i) few[i] = -2 - 0.1 * static_cast<double>(i);
  CHECK(sentence(few) ==
        "alpha fell by 0.93 on average (95 %: 0.37 to 1.5), but only in 8 of 20 layers: a few "
        "layers changed strongly.");
}

TEST_CASE("a change that layers do not share is told with both directions", "[paired]") {
  CHECK(sentence({1, -1, 1.5, -1.5, 2, -2}) ==
        "alpha fell in 3 and rose in 3 of 6 layers. The mean change is 0 (95 %: -1.8 to 1.8): the "
        "layers have no common direction.");
  std::vector<double> one_far(12, 0.1);
  one_far.back() = -5;
  CHECK(sentence(one_far) ==
        "alpha fell in 1 and rose in 11 of 12 layers, more often in one direction than by chance "
        "(sign test: p = 0.0063). The interval of the mean change contains 0: -0.33 (95 %: -1.3 to "
        "0.61).");
}

TEST_CASE("few layers say what they cannot tell", "[paired]") {
  CHECK(sentence({}) == "No layer has alpha in both checkpoints.");
  CHECK(sentence({-0.5}) ==
        "alpha fell in the only paired layer, by 0.5. A single layer has no interval.");
  CHECK(sentence({0}) == "alpha is the same in the only paired layer.");
  CHECK(sentence({0, 0, 0}) == "alpha is the same in all 3 layers.");
  CHECK(sentence({0.5, 0.5}) ==
        "alpha rose in 2 of 2 layers, by 0.5 on average (95 %: 0.5 to 0.5). With fewer than 6 "
        "changed layers, the sign test cannot reach 5 %.");
}

TEST_CASE("the shared change stands first, and no text calls it insignificant", "[paired]") {
  analysis::Comparison comparison;
  comparison.a = "base";
  comparison.b = "tuned";
  comparison.paired = {alpha_change(changes(31, -0.2, 0.1))};
  comparison.rows.resize(1);
  comparison.rows[0].key = "w";
  comparison.rows[0].status = analysis::Change::changed;
  for (const ReportFormat format : {ReportFormat::text, ReportFormat::markdown}) {
    const std::string text = render_comparison(comparison, format);
    CAPTURE(text);
    const std::size_t said = text.find("alpha fell in 30 of 31 layers");
    const std::size_t table = text.find("Change over all layers");
    const std::size_t layers = text.find("moved: ");
    CHECK(said < table);
    CHECK(table < layers);
    CHECK(layers != std::string::npos);
    CHECK(text.find("The shared change is visible only over many layers, because the fit of a "
                    "single layer is too uncertain.") != std::string::npos);
    CHECK(text.find("significantly") == std::string::npos);
  }
  const std::string json = render_comparison(comparison, ReportFormat::json);
  CHECK(json.find("\"text\": \"alpha fell in 30 of 31 layers") < json.find("\"paired\": [\n"));
  CHECK(json.find("\"paired\": [\n") < json.find("\"layers\": ["));
}
