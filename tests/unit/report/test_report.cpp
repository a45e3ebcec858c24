/// @file
/// The report for people: its sections and their order, its limits, hostile names.

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/report/report.hpp"

#include "rendered.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

std::string text_of(const CheckpointRecord& record) {
  return render_report(record, ReportFormat::text);
}

std::string markdown_of(const CheckpointRecord& record) {
  return render_report(record, ReportFormat::markdown);
}

/// The headings of a Markdown report, in order.
std::vector<std::string> headings(const CheckpointRecord& record) {
  std::vector<std::string> found;
  for (const std::string& line : split(markdown_of(record), '\n')) {
    if (line.starts_with("#")) found.push_back(line);
  }
  return found;
}

CheckpointRecord usual() {
  LayerRow good = layer("model.layers.0.mlp.up_proj.weight");
  LayerRow over = layer("model.layers.1.mlp.up_proj.weight", 1.5, "unusual");
  over.block = 1;
  return record_of({good, over}, {{"model.norm.weight", "F32", "64", 64, "one-dimensional", ""}});
}

}  // namespace

TEST_CASE("the sections stand in their order, attention before all tables of layers", "[report]") {
  CHECK(headings(usual()) ==
        std::vector<std::string>{"# Spectra of step-100", "## Layers that need attention",
                                 "## Summary", "## Remarks", "## What is usual", "## By role",
                                 "## By block", "## Layers", "## Skipped", "## Numerics"});
  const std::string text = text_of(usual());
  std::size_t at = 0;
  for (const char* heading :
       {"Spectra of step-100\n===================\n", "\nLayers that need attention\n-",
        "\nSummary\n-------\n", "\nWhat is usual\n-", "\nBy role\n-------\n",
        "\nBy block\n--------\n", "\nLayers\n------\n", "\nSkipped\n-------\n",
        "\nNumerics\n--------\n"}) {
    CAPTURE(heading);
    at = text.find(heading, at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(text.back() == '\n');
}

TEST_CASE("the title's line is as long as the title, not as its bytes", "[report]") {
  CheckpointRecord record = usual();
  record.provenance.checkpoint_id = "größe";
  CHECK(text_of(record).find("Spectra of größe\n================\n\n") == 0);
}

TEST_CASE("sections without content are left out, or say so", "[report]") {
  CHECK(headings(record_of({})) == std::vector<std::string>{"# Spectra of step-100",
                                                            "## Layers that need attention",
                                                            "## Summary", "## Layers"});
  CHECK(text_of(record_of({layer("a")})).find("None.") != std::string::npos);
  CHECK(text_of(usual()).find("None.") == std::string::npos);
  CHECK_FALSE(text_of(CheckpointRecord{}).empty());
}

TEST_CASE("the head tells the checkpoint, its training and the numbers' kind", "[report]") {
  CheckpointRecord record = usual();
  record.provenance.training.step = 100;
  record.provenance.training.tokens = 409600;
  record.provenance.training.loss = 2.25;
  record.provenance.training.eval_loss = 2.5;
  record.provenance.program_version = "0.1.0";
  record.provenance.program_commit = "abc";
  record.provenance.seconds = 12.5;
  record.provenance.restarts = 2;
  const std::string text = text_of(record);
  CHECK(text.find("  checkpoint   /data/run/step-100 (safetensors, llama)\n") != std::string::npos);
  CHECK(text.find("  training     step 100, 409600 tokens, loss 2.25, eval loss 2.5\n") !=
        std::string::npos);
  CHECK(text.find("  computed     2026-01-02T03:04:05Z by wishart 0.1.0 (abc), 2 ranks on 1 host, "
                  "12.5 s, 2 restarts\n") != std::string::npos);
  CHECK(text.find("corrected mode (docs/metrics.md)") != std::string::npos);
  record.provenance.mode = "weightwatcher";
  CHECK(text_of(record).find("as in WeightWatcher 0.7.5.5, including its defects") !=
        std::string::npos);
  CHECK(text_of(usual()).find("training") == std::string::npos);
  record.provenance.training.loss = kRecordedNan;
  record.provenance.training.eval_loss = kNan;
  CHECK(text_of(record).find(", 409600 tokens, loss nan\n") != std::string::npos);
}

TEST_CASE("the summary counts what was analysed, what failed and what was skipped", "[report]") {
  CheckpointRecord record = usual();
  CHECK(text_of(record).find("2 matrices, 4096 parameters analysed. 1 tensor (or parts) skipped, "
                             "64 parameters.") != std::string::npos);
  record.layers[1].status = "failed";
  CHECK(text_of(record).find("2 matrices, 4096 parameters analysed; 1 without a fit. ") !=
        std::string::npos);
  record.layers[1].status = "no-tail";
  CHECK(text_of(record).find("4096 parameters analysed; 1 without a power-law tail. ") !=
        std::string::npos);
  record.layers[1].status = "error";
  CHECK(text_of(record).find("2 matrices, 2048 parameters analysed; 1 not computed. ") !=
        std::string::npos);
  record.layers[0].num_params = 123'456'789;
  CHECK(text_of(record).find("123.5 million parameters analysed") != std::string::npos);
}

TEST_CASE("what is not known is a dash, not a number", "[report]") {
  LayerRow row = layer("w", kNan, "fit-failed");
  row.status = "failed";
  row.sigma = row.D = row.stable_rank = kNan;
  row.num_pl_spikes = row.matrix_rank = -1;
  const std::string text = text_of(record_of({row}));
  CHECK(text.find("nan") == std::string::npos);
  CHECK(text.find("w      mlp.up  64 x 32      -        -  -     -") != std::string::npos);
}

TEST_CASE("layers are compared with others of the same role and size", "[report]") {
  LayerRow known = layer("model.layers.0.self_attn.v_proj.weight", 6.745);
  known.role = "attention.v";
  known.M = 2048;
  known.has_esd = true;
  known.xmax = known.lambda_max = 9;
  LayerRow conv = layer("conv");
  conv.role = "conv";
  conv.has_esd = true;
  const CheckpointRecord record = record_of({known, conv, conv});
  const std::string text = text_of(record);
  CHECK(text.find("alpha 6.75: median of value projections of 1025 to 2048       1          0") !=
        std::string::npos);
  CHECK(text.find("\nNot compared: no reference values for the role conv (2 layers).\n") !=
        std::string::npos);
  CHECK(text.find("6.75   +-0.25       50  0.050") != std::string::npos);
  CHECK(render_report(record, ReportFormat::json).find("\"alpha_percentile\": 50") !=
        std::string::npos);
  std::vector<LayerRow> many;
  for (int i = 0; i < 15; ++i) {
    many.push_back(conv);
    many.back().role = "role" + std::to_string(i);
  }
  CHECK(text_of(record_of(many)).find("for the role role9 (1 layer); and 5 more reasons.") !=
        std::string::npos);
}

TEST_CASE("long lists are cut, and say how much is left", "[report]") {
  std::vector<LayerRow> layers;
  for (int i = 0; i < 450; ++i) {
    layers.push_back(layer("w" + std::to_string(i), 1.5, "unusual"));
  }
  std::vector<SkippedRow> skipped;
  for (int i = 0; i < 9; ++i) {
    skipped.push_back({"n" + std::to_string(i), "F32", "4", 4, "one-dimensional", ""});
  }
  const std::string text = text_of(record_of(layers, skipped));
  CHECK(text.find("unusual (450): ") != std::string::npos);
  CHECK(text.find(
            "\nalpha < 2 (450): WeightWatcher calls such layers over-trained. Healthy small models "
            "have many. w0, w1, w2, ...\n") != std::string::npos);
  CHECK(text.find("\nand 420 more\n") != std::string::npos);
  CHECK(text.find("\n50 more: wishart export ARCHIVE --table layers\n") != std::string::npos);
  CHECK(text.find("n0, n1, n2, ...") != std::string::npos);
  CHECK(count(text, "mlp.up") == 401);  // 400 layers and the role
}

TEST_CASE("names from strangers do no harm in a report", "[report]") {
  std::vector<LayerRow> layers;
  std::vector<SkippedRow> skipped;
  for (const std::string& name : hostile_names()) {
    LayerRow row = layer(name, kNan, "error");
    row.status = "error";
    row.reason = row.role = row.stack = name;
    layers.push_back(row);
    skipped.push_back({name, "F32", "4", 4, name, name});
  }
  for (const std::string& name : hostile_names()) {
    CheckpointRecord record = record_of(layers, skipped);
    record.provenance.checkpoint_id = record.provenance.checkpoint_path =
        record.provenance.model_type = record.provenance.created = name;
    for (LayerRow& row : record.layers) row.solver = row.method = name;
    const std::string text = text_of(record);
    const std::string markdown = markdown_of(record);
    CHECK(calm_on_a_terminal(text));
    CHECK(calm_on_a_terminal(markdown));
    CHECK(is_utf8(text));
    CHECK(markdown.find("<script>") == std::string::npos);
    CHECK(count(markdown, "](http") == count(markdown, "\\](http"));
    // Headings and tables are ours: as many as with plain names (no solver, no section on it).
    CHECK(headings(record).size() == (name.empty() ? 8 : 9));
    CHECK(count(markdown, "\n|---") == count(markdown_of(record_of(layers, skipped)), "\n|---"));
  }
}
