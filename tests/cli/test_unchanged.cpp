/// @file
/// What has the same values as in an earlier checkpoint is not computed again.

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

std::vector<TensorToWrite> tensors() {
  return {{"layers.0.mlp.up_proj.weight", {60, 40}, noise_values(2400, 1)},
          {"layers.1.mlp.up_proj.weight", {40, 60}, noise_values(2400, 2)},
          {"layers.2.mlp.up_proj.weight", {70, 30}, noise_values(2100, 3)},
          {"layers.3.mlp.up_proj.weight", {50, 50}, noise_values(2500, 4)}};
}

CsvTable scanned(const TempFolder& temp, const std::string& name, const std::string& archive,
                 int ranks, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words{
      "scan", (temp / name).string(), "--archive", (temp / archive).string(), "--progress", "none"};
  words.insert(words.end(), more.begin(), more.end());
  const Outcome outcome = run_wishart(words, ranks);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const std::string id = name.substr(name.rfind('/') + 1);
  return parse_csv(run_wishart({"export", (temp / archive).string(), "--checkpoint", id}).out);
}

std::vector<std::string> origins(const CsvTable& table) {
  std::vector<std::string> found;
  for (const auto& row : table.rows) found.push_back(row.at("same_as"));
  return found;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("unchanged tensors refer to where they were computed, with equal numbers",
          "[unchanged]") {
  const TempFolder temp;
  std::vector<TensorToWrite> model = tensors();
  write_bytes(temp / "run/step-1/model.safetensors", safetensors_bytes(model));
  model[1].values[7] += 0.5F;
  write_bytes(temp / "run/step-2/model.safetensors", safetensors_bytes(model));
  std::swap(model[2].values[0], model[2].values[1]);  // the same values, elsewhere
  write_bytes(temp / "run/step-10/model.safetensors", safetensors_bytes(model));
  for (const auto& [ranks, team] : {std::pair(1, "1"), std::pair(2, "2")}) {
    CAPTURE(ranks);
    const std::string archive = "archive" + std::to_string(ranks);
    const Names teams{"--team-size", team};
    CHECK(origins(scanned(temp, "run/step-1", archive, ranks, teams)) == Names{"", "", "", ""});
    CHECK(origins(scanned(temp, "run/step-2", archive, ranks, teams)) ==
          Names{"step-1", "", "step-1", "step-1"});
    const CsvTable third = scanned(temp, "run/step-10", archive, ranks, teams);
    CHECK(origins(third) == Names{"step-1", "step-2", "", "step-1"});
    const CsvTable anew =
        scanned(temp, "run/step-10", archive + "-anew", ranks, {"--team-size", team, "--no-reuse"});
    REQUIRE(anew.rows.size() == third.rows.size());
    for (std::size_t i = 0; i < anew.rows.size(); ++i) {
      for (const std::string& column : anew.columns) {
        if (column == "same_as" || column.find("seconds") != std::string::npos) continue;
        CAPTURE(i, column);
        CHECK(anew.rows[i].at(column) == third.rows[i].at(column));
      }
    }
    CHECK(run_wishart({"verify", (temp / archive).string()}).exit_code == 0);
  }
}

TEST_CASE("another run's weights serve too, other options or shapes do not", "[unchanged]") {
  const TempFolder temp;
  std::vector<TensorToWrite> model = tensors();
  write_bytes(temp / "base/model.safetensors", safetensors_bytes(model));
  CHECK(origins(scanned(temp, "base", "archive", 0)) == Names{"", "", "", ""});
  model[0].shape = {40, 60};
  write_bytes(temp / "elsewhere/tuned/model.safetensors", safetensors_bytes(model));
  CHECK(origins(scanned(temp, "elsewhere/tuned", "archive", 0)) ==
        Names{"", "base", "base", "base"});
  std::filesystem::remove(temp / "archive/tuned.h5");
  CHECK(origins(scanned(temp, "elsewhere/tuned", "archive", 0, {"--method", "svd"})) ==
        Names{"", "", "", ""});
}

TEST_CASE("with other options of the fit an unchanged spectrum is fitted anew", "[unchanged]") {
  const TempFolder temp;
  write_bytes(temp / "run/a/model.safetensors", safetensors_bytes(tensors()));
  write_bytes(temp / "run/b/model.safetensors", safetensors_bytes(tensors()));
  (void)scanned(temp, "run/a", "archive", 0);
  const CsvTable table = scanned(temp, "run/b", "archive", 0, {"--tolerance", "0.5"});
  CHECK(origins(table) == Names{"a", "a", "a", "a"});
  const CsvTable anew = scanned(temp, "run/b", "other", 0, {"--tolerance", "0.5"});
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    CHECK(table.rows[i].at("weak_rank_loss") == anew.rows[i].at("weak_rank_loss"));
    CHECK(table.rows[i].at("alpha") == anew.rows[i].at("alpha"));
  }
}
