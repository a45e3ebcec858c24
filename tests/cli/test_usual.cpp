/// @file
/// What is usual for a layer, for a change and for a ranking, as every command shows it.

#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr std::int64_t kRows = 320;
constexpr std::int64_t kCols = 160;
constexpr const char* kValue = "model.layers.0.self_attn.v_proj.weight";
constexpr const char* kQuery = "model.layers.0.self_attn.q_proj.weight";
constexpr const char* kConv = "model.layers.0.conv.weight";

/// A value projection and a query projection of noise, each with one strong direction, and a
/// matrix without a role that the tables know.
std::vector<TensorToWrite> tensors(float strength) {
  std::vector<TensorToWrite> all;
  std::uint64_t seed = 1;
  for (const char* name : {kValue, kQuery, kConv}) {
    std::vector<float> values = noise_values(kRows * kCols, seed++);
    const std::vector<float> left = noise_values(kRows, seed++);
    const std::vector<float> right = noise_values(kCols, seed++);
    for (std::int64_t i = 0; i < kRows; ++i) {
      for (std::int64_t j = 0; j < kCols; ++j) {
        values[static_cast<std::size_t>(i * kCols + j)] +=
            strength * left[static_cast<std::size_t>(i)] * right[static_cast<std::size_t>(j)];
      }
    }
    all.push_back({name, {kRows, kCols}, values});
  }
  return all;
}

void scan(const TempFolder& temp, const std::string& id, float strength,
          const std::vector<std::string>& options = {}) {
  write_bytes(temp / id / "model.safetensors", safetensors_bytes(tensors(strength)));
  std::vector<std::string> command{
      "scan", (temp / id).string(), "--archive", (temp / "archive").string(), "--progress", "none"};
  command.insert(command.end(), options.begin(), options.end());
  const Outcome outcome = run_wishart(command);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
}

std::string output_of(const std::vector<std::string>& command, int exit_code = 0) {
  const Outcome outcome = run_wishart(command);
  CAPTURE(command);
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  return outcome.out;
}

/// The cell of a layer, by its key.
std::string cell(const CsvTable& table, const std::string& key, const std::string& column) {
  for (const auto& row : table.rows) {
    if (row.at("key") == key) return row.at(column);
  }
  return "no such layer";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("reports in every format compare layers with others", "[usual]") {
  const TempFolder temp;
  scan(temp, "model", 0.1F);
  const std::string archive = (temp / "archive").string();
  for (const char* format : {"text", "md", "html", "json"}) {
    const std::string text = output_of({"report", archive, "--wide", "--format", format});
    CAPTURE(format);
    CHECK(has(text, " of value projections of 65 to 256"));
    CHECK(has(text, "no reference values for query projections with a shorter side of 160"));
    CHECK(has(text, "no reference values for the role conv"));
  }
  const std::string text = output_of({"report", archive, "--wide"});
  CHECK(has(text, "What is usual\n-------------\n"));
  CHECK(has(text, "12349 public language models"));
}

TEST_CASE("exported tables end with percentiles, also those of old archives", "[usual]") {
  const TempFolder temp;
  scan(temp, "model", 0.1F);
  const std::string archive = (temp / "archive").string();
  const CsvTable table = parse_csv(output_of({"export", archive}));
  const double percentile = number(cell(table, kValue, "alpha_percentile"));
  CHECK(percentile >= 1);
  CHECK(percentile <= 99);
  CHECK(std::isfinite(number(cell(table, kValue, "log_norm_percentile"))));
  CHECK(std::isnan(number(cell(table, kQuery, "alpha_percentile"))));
  CHECK(cell(table, kValue, "usual_status") == "known");
  CHECK(cell(table, kQuery, "usual_status") == "unknown-size");
  CHECK(cell(table, kConv, "usual_status") == "unknown-role");
  for (const char* kept : {"archive-v1.h5", "archive-v2.h5"}) {
    const std::string csv = output_of({"export", in_source(std::string("tests/data/") + kept)});
    CHECK(has(csv.substr(0, csv.find('\n')), ",usual_status,usual_group"));
  }
  const std::string joined = output_of({"export", archive, "--all", "--format", "jsonl"});
  CHECK(has(joined, "\"usual_group\": \"value projections of 65 to 256\""));
}

TEST_CASE("a difference to a base has no percentiles", "[usual]") {
  const TempFolder temp;
  scan(temp, "model", 0.1F);
  scan(temp, "tuned", 0.12F, {"--base", (temp / "model").string()});
  const std::string archive = (temp / "archive").string();
  const std::string all = output_of({"export", archive, "--all"});
  CHECK(has(all, "of-difference"));
  CHECK(has(all, "unknown-size"));
}

TEST_CASE("a gate judges percentiles, and says how usual the change is", "[usual]") {
  const TempFolder temp;
  scan(temp, "base", 0.05F);
  scan(temp, "tuned", 0.3F);
  const std::string archive = (temp / "archive").string();
  const auto judged = [&](const std::string& bounds, int exit_code, const std::string& format) {
    const auto rules = temp.write("rules.cfg", "[usual]\nmetric = alpha_percentile\n" + bounds);
    return output_of({"gate", archive, "--base", "base", "--checkpoint", "tuned", "--rules",
                      rules.string(), "--format", format, "--wide"},
                     exit_code);
  };
  const std::string passed = judged("max = 99\n", 0, "text");
  CHECK(has(passed, "1 layers") == false);
  CHECK(has(passed, "From base to tuned. Without embeddings and head, the mean alpha "));
  CHECK(has(passed, " of 1680 derived models (half of them change by less than 0.02"));
  CHECK(has(passed, "the mean log_spectral_norm rose by "));
  CHECK(has(judged("max = 0.5\n", 1, "json"), "\"changes\": [\n  {\"stage\": \"tuned\""));
}

TEST_CASE("compare says how usual the change is", "[usual]") {
  const TempFolder temp;
  scan(temp, "base", 0.05F);
  scan(temp, "tuned", 0.3F);
  const std::string archive = (temp / "archive").string();
  for (const char* format : {"text", "md"}) {
    CHECK(has(output_of({"compare", archive, "base", "tuned", "--format", format}),
              " of 1680 derived models "));
  }
  CHECK(has(output_of({"compare", archive, "base", "tuned", "--format", "json"}),
            "\"usual\": [\n  {\"metric\": \"alpha\", \"layers\": 3, \"change\": "));
}

TEST_CASE("rank says what its order is worth, in a table on standard error", "[usual]") {
  const TempFolder temp;
  scan(temp, "base", 0.05F);
  scan(temp, "tuned", 0.3F);
  const std::string archive = (temp / "archive").string();
  CHECK(has(output_of({"rank", archive}), "this order is worth nothing"));
  CHECK(has(output_of({"rank", archive, "--metric", "alpha_hill"}),
            "It is not known how alpha_hill"));
  const Outcome csv = run_wishart({"rank", archive, "--format", "csv"});
  CHECK(csv.exit_code == 0);
  CHECK(csv.out.starts_with("model,matrices,"));
  CHECK(csv.err.starts_with("wishart: Among models of the same shape"));
}
