/// @file
/// --base: what is said about W beside W_base, from files to the table.

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

const std::vector<std::string> kCompared{"base_norm",
                                         "tuned_norm",
                                         "base_sv_max",
                                         "tuned_sv_max",
                                         "delta_frobenius",
                                         "delta_spectral",
                                         "cka",
                                         "ww_cka",
                                         "num_top",
                                         "top_overlap",
                                         "top_angle",
                                         "top_participation",
                                         "top_entropy",
                                         "base_top_participation",
                                         "base_top_entropy",
                                         "top_residual",
                                         "num_intruders"};

struct Pair {
  std::filesystem::path base;
  std::filesystem::path tuned;
};

/// scaled: W = 1.25 W_b; spiked: one element of 100 more; same: W = W_b.
Pair models_in(const TempFolder& temp) {
  const std::vector<float> wide = noise_values(150 * 200, 1);
  const std::vector<float> tall = noise_values(200 * 60, 2);
  const std::vector<float> conv = noise_values(24 * 16 * 9, 3);
  std::vector<float> scaled = wide;
  for (float& value : scaled) value *= 1.25F;
  std::vector<float> spiked = tall;
  spiked[60 * 7 + 5] += 100;
  const auto save = [&](const char* name, const auto& a, const auto& b) {
    write_bytes(temp / name, safetensors_bytes({{"same.weight", {24, 16, 3, 3}, conv},
                                                {"scaled.weight", {150, 200}, a},
                                                {"spiked.weight", {200, 60}, b}}));
    return temp / name;
  };
  return {save("base.safetensors", wide, tall), save("tuned.safetensors", scaled, spiked)};
}

CsvTable scanned(const Pair& models, const std::filesystem::path& archive,
                 std::vector<std::string> more, int ranks) {
  std::vector<std::string> arguments{
      "scan",   models.tuned.string(), "--archive",  archive.string(),
      "--base", models.base.string(),  "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome scan = run_wishart(arguments, ranks);
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  const Outcome table = run_wishart({"export", archive.string(), "--table", "layers"});
  REQUIRE(table.exit_code == 0);
  return parse_csv(table.out);
}

}  // namespace

TEST_CASE("planted changes of a base are told", "[compare]") {
  const TempFolder temp;
  const Pair models = models_in(temp);
  for (const int team : {1, 2, 4}) {
    const CsvTable table =
        scanned(models, temp / std::to_string(team), {"--team-size", std::to_string(team)}, team);
    REQUIRE(table.rows.size() == 3);
    const auto value = [&](std::size_t row, const char* column) {
      return number(table.rows[row].at(column));
    };
    CAPTURE(team);
    // A convolution that did not change: the difference is zero, the rest is known all the same.
    CHECK(value(0, "delta_frobenius") == 0);
    CHECK(value(0, "delta_spectral") == 0);
    CHECK(value(0, "cka") == Approx(1).margin(1e-12));
    CHECK(value(0, "top_overlap") == Approx(1).margin(1e-12));

    // To float32's rounding of the products: 2^-24 each, of random sign.
    CHECK(value(1, "delta_frobenius") == Approx(0.25).epsilon(1e-7));
    CHECK(value(1, "delta_spectral") == Approx(0.25).epsilon(1e-7));
    CHECK(value(1, "tuned_norm") == Approx(1.5625 * value(1, "base_norm")).epsilon(1e-7));
    CHECK(value(1, "cka") == Approx(1).margin(1e-12));
    CHECK(value(1, "ww_cka") == Approx(1).margin(1e-12));
    CHECK(value(1, "top_overlap") == Approx(1).margin(1e-9));
    CHECK(value(1, "num_top") == 10);

    // One element of 100 beside noise of (sqrt 200 + sqrt 60) / 4 = 5.5: it leads, along one unit
    // vector, and takes the place of one of ten vectors.
    CHECK(value(2, "delta_frobenius") ==
          Approx(100 / std::sqrt(value(2, "base_norm"))).epsilon(1e-7));
    CHECK(value(2, "delta_spectral") * value(2, "base_sv_max") == Approx(100).epsilon(1e-7));
    CHECK(value(2, "tuned_sv_max") == Approx(100).margin(3));
    CHECK(value(2, "top_overlap") > 0.75);
    CHECK(value(2, "top_overlap") < 0.95);
    CHECK(value(2, "top_angle") > 1);
    CHECK(value(2, "cka") < 0.2);
    CHECK(value(2, "top_entropy") < value(2, "base_top_entropy") - 0.03);
    CHECK(value(2, "top_residual") <= 1e-10);
    // The row of the element is a new left vector; the other nine are the base's.
    CHECK(value(0, "num_intruders") == -1);  // views
    CHECK(value(1, "num_intruders") == 0);
    CHECK(value(2, "num_intruders") >= 1);
  }
}

TEST_CASE("without a base, or without the memory, nothing is compared", "[compare]") {
  const TempFolder temp;
  const Pair models = models_in(temp);
  const Outcome scan = run_wishart(
      {"scan", models.tuned.string(), "--archive", (temp / "a").string(), "--progress", "none"});
  REQUIRE(scan.exit_code == 0);
  const Outcome alone = run_wishart({"export", (temp / "a").string()});
  for (const auto& row : parse_csv(alone.out).rows) {
    for (const std::string& column : kCompared) {
      CAPTURE(column);
      CHECK(row.at(column) == (column.starts_with("num_") ? "-1" : "nan"));
    }
  }
  // 200 x 150 takes 16 * 150^2 and its bases; a limit below leaves the spectrum, and tells in the
  // plan which matrices are compared.
  const std::vector<std::string> plan{"plan",   models.tuned.string(), "--ranks",  "1",
                                      "--base", models.base.string(),  "--gflops", "10"};
  const Outcome whole = run_wishart(plan);
  CHECK(whole.out.find("gram, compared") != std::string::npos);
  std::vector<std::string> little = plan;
  little.insert(little.end(), {"--memory-per-rank", "1200000"});
  const Outcome less = run_wishart(little);
  INFO(less.out + less.err);
  CHECK(less.exit_code == 0);
  CHECK(less.out.find("gram, compared") != whole.out.find("gram, compared"));
}
