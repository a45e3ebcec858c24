/// @file
/// JSON of tables and reports: valid whatever the names, null for what is no number.

#include <algorithm>
#include <limits>
#include <ostream>
#include <streambuf>

#include <catch2/catch.hpp>

#include "wishart/report/export.hpp"
#include "wishart/report/report.hpp"
#include "wishart/report/rows_text.hpp"
#include "wishart/report/text_table.hpp"

#include "rendered.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

TEST_CASE("the reading of JSON in these tests is strict", "[json]") {
  for (const char* good :
       {"[]", "{}", " {\"a\": [1, -0.5e+3, true, null, \"\\u00e4\\n\"]} ", "0"}) {
    CHECK(JsonCheck::valid(good));
  }
  for (const char* bad : {"", "[1,]", "{a: 1}", "nan", "[1] 2", "\"\n\"", "\"\\x\"", "01", "1.",
                          "{\"a\" 1}", "\"open", "[", "inf", "'a'", "+1"}) {
    CAPTURE(bad);
    CHECK_FALSE(JsonCheck::valid(bad));
  }
}

TEST_CASE("a row is an object in the order of its columns", "[json]") {
  SkippedRow row{"a\"b", "F32", "4 x 2", 8, "too-small", "2 singular\nvalues"};
  CHECK(json_object(row) ==
        R"({"tensor": "a\"b", "dtype": "F32", "shape": "4 x 2", "num_params": 8, )"
        R"("reason": "too-small", "detail": "2 singular\u000avalues"})");
  CHECK(json_array(std::vector<SkippedRow>{}) == "[]");
}

TEST_CASE("NaN and infinities are null, other numbers keep all their digits", "[json]") {
  CHECK(json_value(kNan) == "null");
  CHECK(json_value(std::numeric_limits<double>::infinity()) == "null");
  CHECK(json_value(-std::numeric_limits<double>::infinity()) == "null");
  CHECK(json_value(0.1) == "0.1");
  CHECK(json_value(1e300) == "1e+300");
  CHECK(json_value(std::int64_t{-9223372036854775807}) == "-9223372036854775807");
  CHECK(json_value(true) == "true");
}

TEST_CASE("all JSON is valid whatever the names", "[json]") {
  std::vector<std::string> names = hostile_names();
  std::mt19937_64 random(4);
  for (int i = 0; i < 50; ++i) names.push_back(random_text(random, random() % 60));
  std::vector<LayerRow> layers;
  std::vector<SkippedRow> skipped;
  for (const std::string& name : names) {
    LayerRow row = layer(name, kNan, "error");
    row.role = row.reason = row.stack = row.aliases = name;
    row.status = "error";
    layers.push_back(row);
    skipped.push_back({name, name, name, 1, name, name});
  }
  CheckpointRecord record = record_of(layers, skipped);
  record.provenance.checkpoint_id = record.provenance.checkpoint_path = record.provenance.options =
      "\x1b\"\xff\n\\";
  CHECK(JsonCheck::valid(render_report(record, ReportFormat::json)));
  for (const Table table : {Table::layers, Table::summary, Table::skipped}) {
    CHECK(JsonCheck::valid(table_text(record, table, TableFormat::json)));
  }
  CHECK(JsonCheck::valid(json_value(names)));
  CHECK(JsonCheck::valid(export_opening({names[0], names[1], names[2]}) + "[]}"));
}

TEST_CASE("the JSON report has its parts and names the layers that need attention", "[json]") {
  const CheckpointRecord record =
      record_of({layer("good"), layer("bad", 1.5, "unusual")}, {{"n", "F32", "4", 4, "r", ""}});
  const std::string text = render_report(record, ReportFormat::json);
  std::size_t at = 0;
  CHECK(text.find("{\"schema\": \"wishart/report/2\",\n") == 0);
  for (const char* part :
       {"\"history\": null", "\"checkpoint\": {", "\"summary\": [", "\"attention\": [",
        "\"remarks\": [", "\"usual\": [", "\"layers\": [\n", "\"skipped\": ["}) {
    CAPTURE(part);
    at = text.find(part, at);
    CHECK(at != std::string::npos);
  }
  CHECK(text.find("\"layers\": [\"bad\"]") != std::string::npos);
  CHECK(text.back() == '\n');
}

TEST_CASE("an empty record is valid JSON too", "[json]") {
  CHECK(JsonCheck::valid(render_report(CheckpointRecord{}, ReportFormat::json)));
  CHECK(table_text(CheckpointRecord{}, Table::layers, TableFormat::json) ==
        "{\"schema\": \"wishart/export/1\", \"table\": \"layers\", \"checkpoint\": null, "
        "\"matrix\": null,\n \"rows\": []}\n");
}

TEST_CASE("the JSON report is written layer by layer, not made whole first", "[json]") {
  const CheckpointRecord record = record_of(std::vector<LayerRow>(200, layer("a")), {});
  Pieces pieces;
  std::ostream out(&pieces);
  write_report(out, record, ReportFormat::json);
  CHECK(pieces.total == std::ssize(render_report(record, ReportFormat::json)));
  CHECK(pieces.largest < pieces.total / 50);
}

TEST_CASE("a table is exported row by row, not made whole first", "[json]") {
  const CheckpointRecord record = record_of(std::vector<LayerRow>(200, layer("a")), {});
  for (const TableFormat format : {TableFormat::csv, TableFormat::json, TableFormat::jsonl}) {
    Pieces pieces;
    std::ostream out(&pieces);
    export_table(out, record, Table::layers, format);
    CHECK(pieces.total == std::ssize(table_text(record, Table::layers, format)));
    CHECK(pieces.largest < pieces.total / 50);
  }
}
