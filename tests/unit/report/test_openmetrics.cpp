/// @file
/// Metrics for Prometheus.

#include <set>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/report/openmetrics.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// Three layers of two roles, one of them with a warning and a remark.
CheckpointRecord sample() {
  CheckpointRecord record = record_of(
      {layer("a", 2.5), layer("b", 3.5, "rank-collapse;small-tail"), layer("c", 4.5, "small-tail")},
      {{"bias", "F32", "32", 32, "one-dimensional", ""}});
  record.layers[2].role = "attention.q";
  record.summary = fit::summarize(record.layers, false);
  record.provenance.training = {100, 4096, 2.5, kNan, 0.001};
  record.provenance.program_version = "1.0";
  record.provenance.seconds = 12.5;
  return record;
}

/// True if `text` has `line` as a whole line.
bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

/// Reads a text strictly: what both formats allow of gauges. Returns the samples without values.
std::set<std::string> series_of(const std::string& text) {
  std::set<std::string> series;
  std::set<std::string> closed;
  std::string family;
  const std::vector<std::string> lines = split(text, '\n');
  REQUIRE(lines.back().empty());
  REQUIRE(lines[lines.size() - 2] == "# EOF");
  for (std::size_t i = 0; i + 2 < lines.size(); ++i) {
    const std::string& line = lines[i];
    CAPTURE(line);
    if (line.rfind("# HELP ", 0) == 0) {
      closed.insert(family);
      family = split(line, ' ')[2];
      CHECK(closed.count(family) == 0);
      CHECK(line.find_first_of("\\\"") == std::string::npos);
      CHECK(lines[i + 1] == "# TYPE " + family + " gauge");
    } else if (line.rfind("# UNIT ", 0) == 0) {
      const std::vector<std::string> words = split(line, ' ');
      CHECK(words[2] == family);
      CHECK(family.size() > words[3].size());
      CHECK(family.substr(family.size() - words[3].size() - 1) == "_" + words[3]);
    } else if (line[0] != '#') {
      CHECK(line.rfind(family + "{model=\"", 0) == 0);
      const std::size_t end = line.rfind("} ");
      REQUIRE(end != std::string::npos);
      CHECK(series.insert(line.substr(0, end)).second);
      const std::string value = line.substr(end + 2);
      CHECK((value == "+Inf" || value == "-Inf" ||
             value.find_first_not_of("0123456789.e+-") == std::string::npos));
    }
  }
  return series;
}

}  // namespace

TEST_CASE("metrics of a checkpoint have its numbers, and nothing that is not known", "[metrics]") {
  const std::string text = openmetrics_text(sample(), {"run", nullptr, false});
  (void)series_of(text);
  for (
      const char* line :
      {"# HELP wishart_training_steps training step of the checkpoint",
       "# TYPE wishart_training_steps gauge",
       "# UNIT wishart_training_steps steps",
       R"(wishart_training_steps{model="run"} 100)",
       R"(wishart_training_tokens{model="run"} 4096)",
       R"(wishart_training_loss{model="run"} 2.5)",
       R"(wishart_training_learning_rate{model="run"} 0.001)",
       R"(wishart_scan_timestamp_seconds{model="run"} 1767323045)",
       R"(wishart_scan_duration_seconds{model="run"} 12.5)",
       R"(wishart_layers{model="run"} 3)",
       R"(wishart_skipped_tensors{model="run"} 1)",
       R"(wishart_role_layers{model="run",role="mlp.up"} 2)",
       R"(wishart_warnings{model="run",warning="rank-collapse",kind="warning"} 1)",
       R"(wishart_warnings{model="run",warning="small-tail",kind="remark"} 2)",
       R"(wishart_warnings{model="run",warning="nonfinite",kind="warning"} 0)",
       R"(wishart_warned_layers{model="run"} 1)",
       R"(wishart_role_warned_layers{model="run",role="attention.q"} 0)",
       R"(wishart_alpha{model="run",statistic="mean"} 3.5)",
       R"(wishart_alpha{model="run",statistic="max"} 4.5)",
       R"(wishart_role_alpha{model="run",role="mlp.up",statistic="median"} 3)",
       R"(wishart_checkpoint_info{model="run",checkpoint="step-100",model_type="llama",analysis="weights",mode="corrected",version="1.0"} 1)"}) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
  CHECK(text.find("eval_loss") == std::string::npos);  // not even a family
  CHECK(text.find("unlike-past") == std::string::npos);
  CHECK(text.find("run_advice") == std::string::npos);
  CHECK(text.find("nan") == std::string::npos);
}

TEST_CASE("a loss that was recorded as NaN is told", "[metrics][losses]") {
  CheckpointRecord record = sample();
  record.provenance.training.loss = kRecordedNan;
  const std::string text = openmetrics_text(record, {"run", nullptr, false});
  CHECK(has_line(text, R"(wishart_training_loss{model="run"} NaN)"));
}

TEST_CASE("a matrix that scan calls failed is a failed layer", "[metrics]") {
  CheckpointRecord record = sample();
  record.layers[0].status = "error";
  record.layers[1].status = "nonfinite";
  CHECK(has_line(openmetrics_text(record, {"run", nullptr, false}),
                 R"(wishart_failed_layers{model="run"} 2)"));
}

TEST_CASE("the past and the history add what they tell", "[metrics]") {
  analysis::History history;
  history.rows.resize(2);
  history.rows.back().settled_share = 0.25;
  history.conclusion.advice = analysis::Advice::overfitting;
  const std::string text = openmetrics_text(sample(), {"run", &history, true});
  CHECK(series_of(text).size() > 40);
  CHECK(has_line(text, R"(wishart_warnings{model="run",warning="unlike-past",kind="warning"} 0)"));
  CHECK(has_line(text, R"(wishart_run_advice{model="run",advice="overfitting"} 1)"));
  CHECK(has_line(text, R"(wishart_run_advice{model="run",advice="going-on"} 0)"));
  CHECK(has_line(text, R"(wishart_run_checkpoints{model="run"} 2)"));
  CHECK(has_line(text, R"(wishart_run_settled_ratio{model="run"} 0.25)"));
}

TEST_CASE("compat mode has the warnings of WeightWatcher", "[metrics]") {
  CheckpointRecord record = sample();
  record.provenance.mode = "weightwatcher";
  record.layers[0].warning = "over-trained";
  record.layers[1].warning = record.layers[2].warning = "";
  const std::string text = openmetrics_text(record, {"run", nullptr, true});
  CHECK(has_line(text, R"(wishart_warnings{model="run",warning="over-trained",kind="warning"} 1)"));
  CHECK(
      has_line(text, R"(wishart_warnings{model="run",warning="under-trained",kind="warning"} 0)"));
  CHECK(text.find("rank-collapse") == std::string::npos);
}

TEST_CASE("in compat mode a failed fit is no over-trained layer", "[metrics]") {
  CheckpointRecord record = sample();
  record.provenance.mode = "weightwatcher";
  record.layers[0].warning = "over-trained";  // of its alpha, -1
  record.layers[0].status = "failed";
  record.layers[1].warning = "";
  record.layers[2].status = "nonfinite";
  record.layers[2].warning = "";
  const std::string text = openmetrics_text(record, {"run", nullptr, true});
  for (const char* counted :
       {R"("over-trained",kind="warning"} 0)", R"("fit-failed",kind="warning"} 1)",
        R"("nonfinite",kind="warning"} 1)"}) {
    CAPTURE(counted);
    CHECK(has_line(text, R"(wishart_warnings{model="run",warning=)" + std::string(counted)));
  }
  CHECK(has_line(text, R"(wishart_warned_layers{model="run"} 2)"));
}

TEST_CASE("a checkpoint without a step, a time or layers has no such metrics", "[metrics]") {
  CheckpointRecord record = record_of({});
  record.provenance.created = "yesterday";
  const std::string text = openmetrics_text(record, {"m", nullptr, false});
  (void)series_of(text);
  CHECK(text.find("training_steps") == std::string::npos);
  CHECK(text.find("timestamp") == std::string::npos);
  CHECK(text.find("wishart_alpha") == std::string::npos);
  CHECK(has_line(text, R"(wishart_layers{model="m"} 0)"));
}

TEST_CASE("no name breaks out of a label, and none makes a time series of a layer", "[metrics]") {
  for (const std::string& name : hostile_names()) {
    CheckpointRecord record = record_of({layer(name), layer("b")});
    record.layers[0].role = name;
    record.provenance.checkpoint_id = name;
    record.provenance.model_type = name;
    record.summary = fit::summarize(record.layers, false);
    const std::string text = openmetrics_text(record, {name, nullptr, false});
    CAPTURE(printable(name));
    CHECK(calm_on_a_terminal(text));
    CHECK(is_utf8(text));
    const std::size_t before = series_of(text).size();
    record.layers.push_back(layer("another layer"));
    record.summary = fit::summarize(record.layers, false);
    CHECK(series_of(openmetrics_text(record, {name, nullptr, false})).size() == before);
  }
  const std::string quotes = openmetrics_text(record_of({}), {"a\"} 1\nb{c=\"\\", nullptr, false});
  CHECK(has_line(quotes, R"(wishart_layers{model="a\"} 1\\x0ab{c=\"\\"} 0)"));
}

TEST_CASE("more roles than wishart names are refused", "[metrics]") {
  std::vector<LayerRow> layers;
  for (std::size_t i = 0; i <= kMostRoles; ++i) {
    layers.push_back(layer("w" + std::to_string(i)));
    layers.back().role = "role" + std::to_string(i);
  }
  std::string message;
  try {
    (void)openmetrics_text(record_of(layers), {"m", nullptr, false});
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::input);
    message = error.what();
  }
  CHECK(message ==
        "step-100: has 201 roles, at most 200 become metrics. wishart names fewer, so another "
        "program wrote this archive");
}
