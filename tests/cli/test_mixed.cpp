/// @file
/// A checkpoint in which things are wrong: every tensor is accounted for, the rest has its numbers.

#include <cmath>
#include <limits>
#include <set>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

std::string mixed_checkpoint() {
  std::vector<float> broken = noise_values(40 * 30, 1);
  broken[77] = std::numeric_limits<float>::quiet_NaN();
  return safetensors_bytes({
      {"model.layers.0.mlp.experts.down_proj", {3, 24, 32}, noise_values(3 * 24 * 32, 2)},
      {"model.layers.0.mlp.up_proj.weight", {40, 30}, broken},
      {"model.layers.0.self_attn.q_proj.weight", {64, 48}, noise_values(64 * 48, 3)},
      {"model.layers.1.mlp.up_proj.weight", {32, 20}, std::vector<float>(32 * 20, 0.0F)},
      {"model.norm.weight", {5}, noise_values(5, 4)},
  });
}

}  // namespace

TEST_CASE("every tensor has a layer row or a skipped row with its reason", "[mixed]") {
  for (const int ranks : {0, 2, 4}) {
    CAPTURE(ranks);
    const TempFolder temp;
    write_bytes(temp / "mixed/model.safetensors", mixed_checkpoint());
    const std::string archive = (temp / "archive").string();
    const Outcome scan = run_wishart(
        {"scan", (temp / "mixed").string(), "--archive", archive, "--progress", "none"}, ranks);
    INFO(scan.err);
    CHECK(scan.exit_code == 5);

    const CsvTable layers = parse_csv(run_wishart({"export", archive}).out);
    REQUIRE(layers.rows.size() == 6);
    std::multiset<std::string> names;
    for (const auto& row : layers.rows) {
      names.insert(row.at("longname"));
      CAPTURE(row.at("key"));
      if (row.at("longname") == "model.layers.0.mlp.up_proj.weight") {
        CHECK(row.at("status") == "nonfinite");
        CHECK(row.at("num_nan") == "1");
        CHECK(row.at("reason") == "1 NaN and 0 infinite elements of 1200");
        CHECK(row.at("alpha") == "nan");
      } else if (row.at("longname") == "model.layers.1.mlp.up_proj.weight") {
        CHECK(row.at("status") == "failed");
        CHECK(row.at("reason") == "all elements are zero; rank 0 of 20");
        CHECK(number(row.at("norm")) == 0);
      } else {
        CHECK(row.at("status") == "success");
        CHECK(std::isfinite(number(row.at("alpha"))));
        CHECK(number(row.at("norm")) > 0);
      }
    }
    CHECK(names.count("model.layers.0.mlp.experts.down_proj") == 3);

    const CsvTable skipped = parse_csv(run_wishart({"export", archive, "--table", "skipped"}).out);
    REQUIRE(skipped.rows.size() == 1);
    CHECK(skipped.rows[0].at("tensor") == "model.norm.weight");
    CHECK(skipped.rows[0].at("shape") == "5");
    CHECK(skipped.rows[0].at("reason") == "one-dimensional");

    const Outcome report = run_wishart({"report", archive, "--wide"});
    CHECK(report.exit_code == 0);
    CHECK(report.out.find("model.layers.0.mlp.up_proj") != std::string::npos);
  }
}

TEST_CASE("the same scan again has nothing to do and the same exit code", "[mixed]") {
  const TempFolder temp;
  write_bytes(temp / "mixed/model.safetensors", mixed_checkpoint());
  const std::vector<std::string> scan{"scan",       (temp / "mixed").string(),
                                      "--archive",  (temp / "archive").string(),
                                      "--progress", "none"};
  CHECK(run_wishart(scan).exit_code == 5);
  const Outcome again = run_wishart(scan, 2);
  CHECK(again.exit_code == 5);
  CHECK(again.out ==
        "mixed: already in " + (temp / "archive/mixed.h5").string() + ", nothing to do\n");
}
