/// @file
/// --randomize on convolutions, whose kernel offsets are views of one matrix.

#include <cmath>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/randomized.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

TEST_CASE("a convolution's views keep their elements; what cannot be solved has no columns",
          "[randomize]") {
  const TempFolder temp;
  std::vector<float> bad = noise_values(40 * 30, 6);
  bad[7] = std::nanf("");
  std::vector<float> kernels = noise_values(24 * 16 * 9, 11);
  kernels[16 * 9 * 2 + 9 * 3 + 4] = 30;  // of channels 2 and 3, kernel offset 4
  write_bytes(temp / "m.safetensors",
              safetensors_bytes({{"bad.weight", {40, 30}, bad},
                                 {"conv.weight", {24, 16, 3, 3}, noise_values(24 * 16 * 9, 5)},
                                 {"kernels.weight", {24, 16, 3, 3}, kernels},
                                 {"zero.weight", {40, 30}, std::vector<float>(1200)}}));
  const Outcome scan =
      run_wishart({"scan", (temp / "m.safetensors").string(), "--archive", (temp / "a").string(),
                   "--progress", "none", "--randomize", "2"});
  CHECK(scan.exit_code == 5);  // bad.weight
  const Outcome exported = run_wishart({"export", (temp / "a").string(), "--table", "layers"});
  const CsvTable table = parse_csv(exported.out);
  REQUIRE(table.rows.size() == 4);
  for (const auto& row : table.rows) {
    CAPTURE(row.at("name"));
    const bool solved = row.at("name") == "conv" || row.at("name") == "kernels";
    CHECK(row.at("num_rand") == (solved ? "2" : "0"));
    CHECK(std::isnan(number(row.at("max_rand_eval"))) == !solved);
    if (solved) {
      CHECK(number(row.at("rand_W_scale")) == Approx(number(row.at("W_scale"))).epsilon(1e-12));
    }
  }
  // The trap is in the view that has the element.
  const CsvTable traps = traps_in(temp / "a", "m");
  REQUIRE(traps.rows.size() == 2);
  for (const auto& row : traps.rows) {
    CHECK(row.at("name") == "kernels");
    CHECK(row.at("view") == "4");
    CHECK(number(row.at("trap_top_sector_overlap")) > 0.9);
  }
}

TEST_CASE("offsets of a convolution with means and widths of their own are no traps",
          "[randomize]") {
  const TempFolder temp;
  std::vector<float> values = noise_values(48 * 48 * 9, 12);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t offset = i % 9;
    if (offset == 4) values[i] *= 3;  // a centre of larger weights
    if (offset != 4) values[i] += offset % 2 == 0 ? 0.6F : -0.6F;
  }
  std::vector<float> trapped = values;
  trapped[48 * 9 * 5 + 9 * 7 + 2] = 60;  // kernel offset 2
  write_bytes(temp / "m.safetensors",
              safetensors_bytes({{"offsets.weight", {48, 48, 3, 3}, values},
                                 {"trap.weight", {48, 48, 3, 3}, trapped}}));
  const CsvTable table = scanned(temp / "m.safetensors", temp / "a", {"--randomize", "2"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].at("num_traps") == "0");
  CHECK(number(table.rows[0].at("trap_p")) > 0.005);
  CHECK(table.rows[1].at("num_traps") == "1");
  const CsvTable traps = traps_in(temp / "a");
  REQUIRE(traps.rows.size() == 2);
  for (const auto& row : traps.rows) {
    CHECK(row.at("key") == "trap.weight");
    CHECK(row.at("view") == "2");
    CHECK(number(row.at("trap_q")) > 0.8);
  }
  const CsvTable team =
      scanned(temp / "m.safetensors", temp / "b", {"--randomize", "2", "--team-size", "4"}, 4);
  check_same(traps_in(temp / "b"), traps, 1e-9);
  CHECK(team.rows[0].at("num_traps") == "0");
}

TEST_CASE("a first rank without a share of a small matrix knows the means all the same",
          "[randomize]") {
  const TempFolder temp;
  std::vector<float> values = noise_values(3 * 2 * 9, 13);
  for (float& value : values) value += 2;
  write_bytes(temp / "m.safetensors", safetensors_bytes({{"a.weight", {3, 2, 3, 3}, values}}));
  const std::vector<std::string> options{"--randomize", "2", "--min-evals", "1"};
  const CsvTable alone = scanned(temp / "m.safetensors", temp / "a", options);
  std::vector<std::string> more = options;
  more.insert(more.end(), {"--team-size", "4"});
  const CsvTable team = scanned(temp / "m.safetensors", temp / "b", more, 4);
  REQUIRE(alone.rows.size() == 1);
  REQUIRE(team.rows.size() == 1);
  CHECK(team.rows[0].at("num_traps") == alone.rows[0].at("num_traps"));
  CHECK(number(team.rows[0].at("trap_p")) ==
        Approx(number(alone.rows[0].at("trap_p"))).epsilon(1e-6));
}
