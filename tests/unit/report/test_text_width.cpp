/// @file
/// Text in 80 columns, and the brief in 600 characters, whatever the names.

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/text_table.hpp"

#include "alpha_text.hpp"
#include "rendered.hpp"
#include "support.hpp"
#include "text/numbers.hpp"
#include "text/wrap.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

constexpr std::size_t kWidth = 80;

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  for (const std::string& line : split(text, '\n')) most = std::max(most, width_of(line));
  return most;
}

/// Records with names of models as they are, of 64 kB, in Chinese, and hostile ones.
std::vector<CheckpointRecord> records() {
  std::vector<std::string> names = hostile_names();
  names.push_back(std::string(65'536, 'n'));
  names.emplace_back(
      "模型.层.60.注意力.查询.权重模型.层.60.注意力.查询.权重模型.层.60.注意力.查询.权重");
  names.emplace_back("model.layers.60.mlp.experts.17.down_proj.weight");
  std::vector<CheckpointRecord> all;
  for (const std::string& name : names) {
    LayerRow row = layer(name, 3.5, "rank-collapse;unusual;small-tail");
    row.reason = "rank 8 of 64; alpha 3.5: above 99 % of value projections of 1025 to 2048";
    row.role = "attention.q";
    LayerRow second = layer("model.layers.1.mlp.up_proj.weight", 5.039);
    second.alpha_low = 2.25;
    second.alpha_high = 10.47;
    all.push_back(record_of({row, second}, {{name, "F32", "64", 64, "one-dimensional", ""}}));
    all.back().provenance.checkpoint_path = "/data/" + name;
    all.back().provenance.checkpoint_id = name;
  }
  return all;
}

}  // namespace

TEST_CASE("lines are wrapped at spaces and long words are cut", "[text_width]") {
  CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrapped("", 7) == std::vector<std::string>{""});
  CHECK(wrapped("abcdefghij", 4) == std::vector<std::string>{"abcd", "efgh", "ij"});
  // A name breaks at its points, so that no line begins with a comma.
  CHECK(wrapped("layers.0.norm.weight, b", 20) ==
        std::vector<std::string>{"layers.0.norm.", "weight, b"});
  CHECK(wrapped("a;b;cc", 3) == std::vector<std::string>{"a;", "b;", "cc"});
  CHECK(paragraph_text("- one two three four five", 26, 2, 4) ==
        "  - one two three four\n    five\n");
  CHECK(paragraph_text("one two", 0) == "one two\n");
}

TEST_CASE("a table leaves out what matters least, and shortens names", "[text_width]") {
  TextTable table =
      table_of({name_column("layer"), number_column("alpha", 90, "exponent"),
                number_column("of no importance", 1, ""), words_column("warning", 80)});
  table.rows = {{"model.layers.60.mlp.experts.7.up_proj.weight", "3.25", "1", "rank-collapse"}};
  const FittedTable fitted = fitted_text(table, 60);
  CHECK(fitted.left_out == std::vector<std::string>{"of no importance"});
  CHECK(widest(fitted.text) <= 60);
  CHECK(fitted.text.find(".60.") != std::string::npos);
  CHECK(fitted.text.find("experts.7.") != std::string::npos);
  CHECK(fitted_text(table, 200).left_out.empty());
  CHECK(fitted_text(table, 0).text == render_text(table));
  for (std::size_t width = 20; width <= 50; width += 10) {
    CHECK(widest(fitted_text(table, width).text) <= width);
  }
}

TEST_CASE("no line of a report is wider than asked for", "[text_width]") {
  for (const CheckpointRecord& record : records()) {
    const std::string text = render_report(record, {ReportFormat::text, kWidth});
    CAPTURE(record.layers[0].key.substr(0, 60));
    CHECK(widest(text) <= kWidth);
    CHECK(text.find("--wide prints them all.") != std::string::npos);
    const std::string wide = render_report(record, ReportFormat::text);
    CHECK(wide.find("--wide prints them all.") == std::string::npos);
    CHECK(render_report(record, {ReportFormat::markdown, kWidth}) ==
          render_report(record, ReportFormat::markdown));
  }
}

TEST_CASE("a brief has at most 600 characters, a verdict and three numbers", "[text_width]") {
  for (const CheckpointRecord& record : records()) {
    const std::string text =
        render_report(record, {ReportFormat::brief, kWidth, "wishart report A --open"});
    CHECK(width_of(text) <= kMostOfBrief);
    CHECK(text.find("Attention. ") == 0);
    CHECK(text.find("2 matrices, ") != std::string::npos);
    CHECK(text.ends_with("Page: wishart report A --open\n"));
  }
  // Whole or not at all.
  const std::string address = "https://ci.example/" + std::string(250, 'a') + "/report.html";
  const std::string text = render_report(records()[0], {ReportFormat::brief, kWidth, address});
  CHECK(text.find("Page: " + address + "\n") != std::string::npos);
  CHECK(width_of(text) <= kMostOfBrief);
  const std::string far(65'536, 'p');
  CHECK(render_report(records()[0], {ReportFormat::brief, kWidth, far}).find("Page") ==
        std::string::npos);
  CHECK(width_of(render_report(records()[0], {ReportFormat::brief, kWidth, far})) <= kMostOfBrief);
}

TEST_CASE("alpha is shown with its interval, and as sure as it is", "[text_width]") {
  LayerRow row = layer("a", 5.039);
  row.sigma = 0.69;
  CHECK(alpha_cell(row) == "5.04");
  CHECK(interval_cell(row) == "+-0.69");
  CHECK(interval_column({row}, 1).head == "+-sigma");
  row.alpha_low = 2.25;
  row.alpha_high = 10.47;
  CHECK(alpha_cell(row) == "5.0");
  CHECK(interval_cell(row) == "2.2 to 10.5");
  CHECK(interval_column({row}, 1).head == "90 % interval");
  CHECK(decimals_of(0.0034) == 3);
  CHECK(decimals_of(0.34) == 2);
  CHECK(decimals_of(34) == 0);
  CHECK(decimals_of(kNan) == 2);
}
