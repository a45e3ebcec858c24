/// @file
/// Tables and spectra for other programs: their columns, their bytes, what is refused.

#include <cstring>
#include <limits>
#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/export.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// The message that refuses to export the spectrum of `matrix`.
std::string refusal(const CheckpointRecord& record, const std::string& matrix) {
  try {
    (void)export_spectrum_npy(record, matrix);
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
    CHECK_THROWS_WITH(export_spectrum(record, matrix, TableFormat::csv), error.what());
    return error.what();
  }
  return "no error";
}

CheckpointRecord two_experts() {
  LayerRow first = layer("experts.w1[0]");
  LayerRow second = layer("experts.w1[1]");
  first.longname = second.longname = "experts.w1";
  return record_of({layer("model.layers.0.mlp.up_proj.weight"), first, second});
}

}  // namespace

TEST_CASE("the layer table has WeightWatcher's columns first, then ours", "[export]") {
  const std::string csv = table_text(record_of({layer("a")}), Table::layers, TableFormat::csv);
  CHECK(
      csv.find("layer_id,name,D,M,N,Q,alpha,alpha_weighted,entropy,has_esd,lambda_max,layer_type,"
               "log_alpha_norm,log_norm,log_spectral_norm,longname,matrix_rank,norm,num_evals,"
               "num_pl_spikes,rank_loss,rf,sigma,slice_id,spectral_norm,stable_rank,status,sv_max,"
               "sv_min,warning,weak_rank_loss,xmax,xmin,key,") == 0);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 2);
  const std::vector<std::string> lines = split(csv, '\n');
  CHECK(std::count(lines[0].begin(), lines[0].end(), ',') ==
        std::count(lines[1].begin(), lines[1].end(), ','));
}

TEST_CASE("CSV numbers read back, what is not known is nan", "[export]") {
  LayerRow row = layer("a", 1.0 / 3);
  row.D = kNan;
  row.xmax = std::numeric_limits<double>::infinity();
  row.has_esd = true;
  const std::string csv = table_text(record_of({row}), Table::layers, TableFormat::csv);
  const std::vector<std::string> names = split(split(csv, '\n')[0], ',');
  const std::vector<std::string> cells = split(split(csv, '\n')[1], ',');
  const auto cell = [&](const std::string& name) {
    return cells.at(
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin()));
  };
  CHECK(std::stod(cell("alpha")) == 1.0 / 3);
  CHECK(cell("D") == "nan");
  CHECK(cell("xmax") == "inf");
  CHECK(cell("has_esd") == "True");
  CHECK(cell("weak_rank_loss") == "-1");
}

TEST_CASE("the table of what was skipped is exact", "[export]") {
  const CheckpointRecord record =
      record_of({}, {{"=evil,\"x\"", "F32", "4 x 2", 8, "too-small", "2 singular values"}});
  CHECK(table_text(record, Table::skipped, TableFormat::csv) ==
        "tensor,dtype,shape,num_params,reason,detail\n"
        "\"'=evil,\"\"x\"\"\",F32,4 x 2,8,too-small,2 singular values\n");
  CHECK(table_text(record, Table::skipped, TableFormat::json) ==
        R"({"schema": "wishart/export/1", "table": "skipped", "checkpoint": "step-100", )"
        "\"matrix\": null,\n \"rows\": [\n  {\"tensor\": \"=evil,\\\"x\\\"\", \"dtype\": \"F32\", "
        "\"shape\": \"4 x 2\", "
        "\"num_params\": 8, \"reason\": \"too-small\", \"detail\": \"2 singular values\"}\n]}\n");
}

TEST_CASE("the table of traps has a row for each, unknown measures are nan and null", "[export]") {
  CheckpointRecord record = record_of({layer("a")});
  TrapRow row;
  row.layer_id = 0;
  row.name = row.key = "a";
  row.trap_index = 1;
  row.sigma_perm = 12.5;
  record.traps = {row};
  const std::string csv = table_text(record, Table::traps, TableFormat::csv);
  CHECK(csv.starts_with("layer_id,name,key,order,view,trap_index,sigma_perm,eval_perm,"));
  CHECK(csv.find("\n0,a,a,0,0,1,12.5,nan,") != std::string::npos);
  const std::string json = table_text(record, Table::traps, TableFormat::json);
  CHECK(json.find("\"table\": \"traps\"") != std::string::npos);
  CHECK(json.find("\"sigma_perm\": 12.5, \"eval_perm\": null") != std::string::npos);
  CHECK(table_text(record_of({layer("a")}), Table::traps, TableFormat::csv) ==
        csv.substr(0, csv.find('\n') + 1));
}

TEST_CASE("JSON lines are the rows of the JSON document, one a line, with a schema in front",
          "[export]") {
  const CheckpointRecord record = record_of({layer("a", kNan), layer("b")});
  const std::string lines = table_text(record, Table::layers, TableFormat::jsonl);
  const std::vector<std::string> objects = split(lines, '\n');
  REQUIRE(objects.size() == 3);
  CHECK(objects.back().empty());
  const std::string document = table_text(record, Table::layers, TableFormat::json);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(JsonCheck::valid(objects[i]));
    const std::string head = "{\"schema\": \"wishart/exportrow/1\", ";
    REQUIRE(objects[i].starts_with(head));
    CHECK(document.find("{" + objects[i].substr(head.size())) != std::string::npos);
  }
}

TEST_CASE(
    "the tables of many checkpoints are one, with checkpoint, step, tokens and analysis in front",
    "[export]") {
  CheckpointRecord first = record_of({layer("a")}, {{"t", "F32", "4", 4, "one-dimensional", "d"}});
  CheckpointRecord second = record_of({layer("a"), layer("b")});
  first.provenance.checkpoint_id = "=first";
  second.provenance.training.step = 7;
  second.provenance.training.tokens = 700;
  second.provenance.analysis = AnalysisKind::difference;
  const auto joined = [&](Table table, TableFormat format) {
    std::ostringstream out;
    JoinedTable writer(out, table, format);
    writer.add(first), writer.add(second);
    return out.str();
  };
  const auto below = [](const std::string& csv) { return csv.substr(csv.find('\n') + 1); };
  const std::string csv = joined(Table::layers, TableFormat::csv);
  const std::string one = table_text(first, Table::layers, TableFormat::csv);
  const std::vector<std::string> rows =
      split(below(table_text(second, Table::layers, TableFormat::csv)), '\n');
  CHECK(csv == "checkpoint,step,tokens,analysis," + one.substr(0, one.find('\n') + 1) +
                   "'=first,-1,-1,weights," + below(one) + "step-100,7,700,difference," +
                   rows.at(0) + "\nstep-100,7,700,difference," + rows.at(1) + "\n");
  CHECK(joined(Table::skipped, TableFormat::csv) ==
        "checkpoint,step,tokens,analysis,tensor,dtype,shape,num_params,reason,detail\n"
        "'=first,-1,-1,weights,t,F32,4,4,one-dimensional,d\n");
  CHECK(joined(Table::skipped, TableFormat::jsonl) ==
        "{\"schema\": \"wishart/exportrow/1\", \"checkpoint\": \"=first\", \"step\": -1, "
        "\"tokens\": -1, \"analysis\": \"weights\", \"tensor\": \"t\", "
        "\"dtype\": \"F32\", \"shape\": \"4\", \"num_params\": 4, \"reason\": "
        "\"one-dimensional\", \"detail\": \"d\"}\n");
  CHECK(count(joined(Table::summary, TableFormat::jsonl), "\n") ==
        first.summary.size() + second.summary.size());
}

TEST_CASE("a spectrum as npy is numpy's version 1.0, byte by byte", "[export]") {
  CheckpointRecord record = record_of({layer("w")});
  record.spectra[0].sigma = {0.5, 1.0, 1.0 / 3};
  // 10 bytes before the header, 118 of header: the data stand at 128.
  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }";
  header.resize(117, ' ');
  expected += header + "\n";
  REQUIRE(expected.size() == 128);
  for (const double value : record.spectra[0].sigma) {
    std::array<char, 8> bytes{};
    std::memcpy(bytes.data(), &value, 8);
    expected.append(bytes.data(), 8);
  }
  CHECK(export_spectrum_npy(record, "w") == expected);
  for (const std::size_t count : {std::size_t{1}, std::size_t{10}, std::size_t{12345}}) {
    record.spectra[0].sigma.assign(count, 2.0);
    const std::string bytes = export_spectrum_npy(record, "w");
    CHECK((bytes.size() - 8 * count) % 64 == 0);
    CHECK(bytes.find("(" + std::to_string(count) + ",)") != std::string::npos);
  }
}

TEST_CASE("a spectrum as CSV and JSON has eigenvalues beside the singular values", "[export]") {
  CheckpointRecord record = record_of({layer("w")});
  record.spectra[0].sigma = {0.5, 3.0};
  CHECK(export_spectrum(record, "w", TableFormat::csv) ==
        "index,sigma,lambda\n0,0.5,0.25\n1,3,9\n");
  CHECK(export_spectrum(record, "w", TableFormat::json) ==
        R"({"schema": "wishart/export/1", "table": "spectrum", "checkpoint": "step-100", )"
        "\"matrix\": \"w\",\n \"rows\": [\n  {\"index\": 0, \"sigma\": 0.5, \"lambda\": 0.25},\n"
        "  {\"index\": 1, \"sigma\": 3, \"lambda\": 9}\n]}\n");
}

TEST_CASE("a matrix is found by key, or by the name of its tensor if there is one only",
          "[export]") {
  CheckpointRecord record = two_experts();
  record.layers[0].longname = "another name";
  record.spectra[2].sigma = {7};
  const std::string second = export_spectrum(record, "experts.w1[1]", TableFormat::csv);
  CHECK(second == "index,sigma,lambda\n0,7,49\n");
  CHECK(export_spectrum(record, "another name", TableFormat::csv) ==
        export_spectrum(record, "model.layers.0.mlp.up_proj.weight", TableFormat::csv));
}

TEST_CASE("an unknown matrix is refused with the nearest", "[export]") {
  CHECK(refusal(two_experts(), "model.layers.0.mlp.up_proj.weigth") ==
        "no matrix 'model.layers.0.mlp.up_proj.weigth' in step-100. Did you mean "
        "'model.layers.0.mlp.up_proj.weight'?");
  CHECK(refusal(two_experts(), "zzz") == "no matrix 'zzz' in step-100");
  CHECK(refusal(record_of({}), "w") == "no matrix 'w' in step-100");
  CHECK(refusal(two_experts(), "\x1b[31m\xff") == "no matrix '\\x1b[31m\\xff' in step-100");
}

TEST_CASE("a tensor of several matrices is refused with their keys", "[export]") {
  CHECK(refusal(two_experts(), "experts.w1") ==
        "'experts.w1' consists of 2 matrices in step-100. Name one of them: experts.w1[0], "
        "experts.w1[1]");
  std::vector<LayerRow> layers;
  for (int i = 0; i < 5; ++i) {
    layers.push_back(layer("e[" + std::to_string(i) + "]"));
    layers.back().longname = "e";
  }
  CHECK(refusal(record_of(layers), "e") ==
        "'e' consists of 5 matrices in step-100. Name one of them: e[0], e[1], e[2], ...");
}

TEST_CASE("a matrix without a spectrum is refused with its status and reason", "[export]") {
  CheckpointRecord record = record_of({layer("w")});
  record.layers[0].status = "nonfinite";
  record.layers[0].reason = "3 NaN, 0 infinite";
  record.spectra[0] = {};
  CHECK(refusal(record, "w") == "w: has no spectrum, its status is nonfinite: 3 NaN, 0 infinite");
}
