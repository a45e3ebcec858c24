/// @file
/// --randomize: spectra of matrices with their elements in random order, from files to the table.

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/randomized.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

const std::vector<std::string> kRandom{
    "rand_num_spikes", "max_rand_eval",    "rand_distance", "ww_softrank",   "ww_maxdist",
    "rand_sigma_mp",   "rand_mp_softrank", "rand_W_scale",  "rand_bulk_max", "rand_bulk_min",
    "num_rand",        "num_traps",        "trap_p"};

/// A square, a tall and a wide matrix, and one of a single huge element among noise.
std::filesystem::path model_in(const TempFolder& temp) {
  std::vector<float> trapped = noise_values(120 * 80, 4);
  // The edge of the bulk lies at (sqrt 120 + sqrt 80)^2 / 16 = 25; 12^2 is far above it.
  trapped[1234] = 12;
  write_bytes(temp / "m.safetensors",
              safetensors_bytes({{"square.weight", {100, 100}, noise_values(100 * 100, 1)},
                                 {"tall.weight", {200, 60}, noise_values(200 * 60, 2)},
                                 {"trap.weight", {120, 80}, trapped},
                                 {"wide.weight", {60, 200}, noise_values(60 * 200, 3)}}));
  return temp / "m.safetensors";
}

}  // namespace

TEST_CASE("a huge element is a trap in every order, noise has none", "[randomize]") {
  const TempFolder temp;
  const auto model = model_in(temp);
  const CsvTable table = scanned(model, temp / "a", {"--randomize", "3"});
  REQUIRE(table.rows.size() == 4);
  for (const auto& row : table.rows) {
    CAPTURE(row.at("name"));
    CHECK(row.at("num_rand") == "3");
    const bool trap = row.at("name") == "trap";
    CHECK(row.at("num_traps") == (trap ? "1" : "0"));
    CHECK((number(row.at("trap_p")) < 1e-6) == trap);
    CHECK(number(row.at("max_rand_eval")) >= (trap ? 144.0 : 0.0));
    // The sum of squares is that of the same elements: W_scale is their mean's inverse root.
    CHECK(number(row.at("rand_W_scale")) == Approx(number(row.at("W_scale"))).epsilon(1e-12));
    // Independent elements in another order are as good a sample of the same law.
    if (!trap) CHECK(number(row.at("rand_distance")) < 0.05);
  }
  // Element 1234 of 120 x 80 is (15, 34). It leads the matrix too, so once it is back in its place
  // the trap has the same vectors.
  const CsvTable traps = traps_in(temp / "a");
  REQUIRE(traps.rows.size() == 3);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto& row = traps.rows[k];
    CHECK(row.at("key") == "trap.weight");
    CHECK(row.at("name") == "trap");
    CHECK(row.at("layer_id") == "2");
    CHECK(row.at("order") == std::to_string(k));
    CHECK(row.at("trap_index") == "1");
    CHECK(number(row.at("eval_perm")) >= 144);
    CHECK(number(row.at("trap_p")) < 1e-6);
    CHECK(number(row.at("trap_delta")) > 4);
    CHECK(number(row.at("trap_q")) > 0.9);
    CHECK(number(row.at("trap_q_left")) > 0.9);
    CHECK(number(row.at("top_5_mass")) > 0.5);
    CHECK(number(row.at("rank1_mass_after_unpermute")) > 0.9);
    CHECK(number(row.at("trap_top_sector_overlap")) > 0.9);
    CHECK(number(row.at("trap_top_sector_overlap_left")) > 0.9);
    CHECK(row.at("layer_trap_variance_burden") == row.at("trap_variance_burden"));
    CHECK(number(row.at("trap_residual")) <= 1e-10);
  }
  CHECK(table.rows[2].at("traps_left_out") == "0");
  const Outcome stored = run_wishart({"report", (temp / "a").string(), "--format", "json"});
  CHECK(stored.out.find("\\\"randomize\\\": 3, \\\"seed\\\": 20261124") != std::string::npos);

  // Fitting again keeps what only the weights tell.
  REQUIRE(run_wishart({"refit", (temp / "a").string()}).exit_code == 0);
  const Outcome again = run_wishart({"export", (temp / "a").string(), "--table", "layers"});
  const CsvTable refitted = parse_csv(again.out);
  check_same(traps_in(temp / "a"), traps, 0);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    for (const std::string& column : kRandom) {
      CHECK(refitted.rows[i].at(column) == table.rows[i].at(column));
    }
  }

  // A layer that has not changed has the traps of its earlier analysis.
  const Outcome copy = run_wishart({"scan", model.string(), "--archive", (temp / "a").string(),
                                    "--id", "copy", "--randomize", "3", "--progress", "none"});
  REQUIRE(copy.exit_code == 0);
  CHECK(copy.out.find("4 unchanged since model") != std::string::npos);
  check_same(traps_in(temp / "a", "copy"), traps, 0);
}

TEST_CASE("random orders do not depend on ranks, teams, or memory", "[randomize]") {
  const TempFolder temp;
  const auto model = model_in(temp);
  const std::vector<std::string> alone{"--randomize", "2", "--team-size", "1"};
  const CsvTable reference = scanned(model, temp / "1", alone, 1);
  const CsvTable traps = traps_in(temp / "1");
  CHECK(traps.rows.size() == 2);
  const CsvTable without = scanned(model, temp / "none", {});
  CHECK(traps_in(temp / "none").rows.empty());
  for (std::size_t i = 0; i < reference.rows.size(); ++i) {
    // The matrix's own spectrum is what it is without.
    CHECK(without.rows[i].at("alpha") == reference.rows[i].at("alpha"));
    CHECK(without.rows[i].at("num_rand") == "0");
    CHECK(without.rows[i].at("traps_left_out") == "-1");
  }
  // The same plan, the same bits.
  for (const int ranks : {2, 4, 6}) {
    const CsvTable table = scanned(model, temp / std::to_string(ranks), alone, ranks);
    check_same(traps_in(temp / std::to_string(ranks)), traps, 0);
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      for (const std::string& column : kRandom) {
        CAPTURE(ranks, i, column);
        CHECK(table.rows[i].at(column) == reference.rows[i].at(column));
      }
    }
  }
  // Teams, and every method, to rounding.
  int archive = 0;
  for (const auto& more :
       std::vector<std::vector<std::string>>{{"--team-size", "2"},
                                             {"--team-size", "4", "--solver", "scalapack"},
                                             {"--team-size", "4", "--method", "svd"},
                                             {"--team-size", "2", "--method", "qr"},
                                             {"--method", "svd"}}) {
    std::vector<std::string> options{"--randomize", "2"};
    options.insert(options.end(), more.begin(), more.end());
    const CsvTable table = scanned(model, temp / ("t" + std::to_string(++archive)), options, 4);
    check_same(traps_in(temp / ("t" + std::to_string(archive))), traps, 1e-9);
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      for (const std::string& column : kRandom) {
        CAPTURE(archive, i, column, table.rows[i].at(column), reference.rows[i].at(column));
        // trap_p magnifies a relative change of lambda by lambda / (scale of the Tracy-Widom law),
        // some hundreds; the rest are sums and quotients of eigenvalues.
        CHECK(relative_difference(number(table.rows[i].at(column)),
                                  number(reference.rows[i].at(column))) <= 1e-9);
      }
    }
  }
}

TEST_CASE("only the largest traps of an order get a row, and the layer says how many did not",
          "[randomize]") {
  const TempFolder temp;
  std::vector<float> values = noise_values(100 * 80, 8);
  // Eight huge elements; by chance some share a row or a column of an order. Here none does.
  for (std::size_t i = 0; i < 8; ++i) values[500 * i + 7] = 20 + static_cast<float>(i);
  // Elements with a mean: it causes the largest value, which is no trap.
  std::vector<float> shifted = noise_values(100 * 80, 7);
  for (float& value : shifted) value += 3;
  shifted[3333] += 25;
  write_bytes(temp / "m.safetensors", safetensors_bytes({{"many.weight", {100, 80}, values},
                                                         {"mean.weight", {80, 100}, shifted}}));
  const CsvTable table = scanned(temp / "m.safetensors", temp / "a", {"--randomize", "1"});
  CHECK(table.rows[0].at("num_traps") == "8");
  CHECK(table.rows[0].at("traps_left_out") == "3");
  CHECK(table.rows[1].at("num_traps") == "1");
  CHECK(table.rows[1].at("traps_left_out") == "0");
  const CsvTable traps = traps_in(temp / "a");
  REQUIRE(traps.rows.size() == 6);
  for (std::size_t i = 0; i < 5; ++i) {
    const double sigma = number(traps.rows[i].at("sigma_perm"));
    CAPTURE(i, sigma);
    CHECK(traps.rows[i].at("trap_index") == std::to_string(i + 1));
    CHECK(sigma > 27 - static_cast<double>(i) - 0.5);
    CHECK(sigma < 27 - static_cast<double>(i) + 6);
    // Not all traps of the order are known.
    CHECK(traps.rows[i].at("layer_trap_variance_burden") == "nan");
    CHECK(std::isfinite(number(traps.rows[i].at("trap_variance_burden"))));
  }
  CHECK(traps.rows[5].at("key") == "mean.weight");
  CHECK(number(traps.rows[5].at("trap_q")) > 0.8);
  // The mean leads the matrix: its vectors are constant, and the trap is elsewhere.
  CHECK(number(traps.rows[5].at("trap_top_sector_overlap")) < 0.2);
}

TEST_CASE("another seed is another order, and the archive is made anew", "[randomize]") {
  const TempFolder temp;
  const auto model = model_in(temp);
  const CsvTable a = scanned(model, temp / "a", {"--randomize", "1"});
  const CsvTable b = scanned(model, temp / "a", {"--randomize", "1", "--seed", "5", "--replace"});
  CHECK(a.rows[0].at("max_rand_eval") != b.rows[0].at("max_rand_eval"));
  CHECK(a.rows[0].at("alpha") == b.rows[0].at("alpha"));
  const Outcome refused = run_wishart(
      {"scan", model.string(), "--archive", (temp / "b").string(), "--randomize", "1001"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("--randomize: expected a number from 0 to 1000, found 1001") !=
        std::string::npos);
}

TEST_CASE("five seeds of ours bracket WeightWatcher's random columns", "[oracle]") {
  const auto shared = shared_folder();
  if (!shared) {
    WARN("skipped: no shared fixtures");
    return;
  }
  const auto folder = *shared / "fixtures/oracle/resnet20";
  const CsvTable oracle = read_csv(folder / "rand_mp.csv");
  const TempFolder temp;
  const std::vector<std::string> columns{"max_rand_eval", "rand_distance", "ww_softrank",
                                         "rand_sigma_mp", "rand_bulk_max", "rand_W_scale"};
  std::vector<CsvTable> ours;
  for (int seed = 1; seed <= 5; ++seed) {
    ours.push_back(scanned(folder / "model.safetensors", temp / "a",
                           {"--compat", "weightwatcher", "--mp-fit", "--randomize", "1", "--seed",
                            std::to_string(seed), "--replace"},
                           2));
  }
  int cells = 0;
  int bracketed = 0;
  for (const auto& expected : oracle.rows) {
    for (const std::string& column : columns) {
      std::vector<double> values;
      for (const CsvTable& table : ours) {
        for (const auto& row : table.rows) {
          if (row.at("name") == expected.at("longname")) values.push_back(number(row.at(column)));
        }
      }
      REQUIRE(values.size() == 5);
      const double theirs = number(expected.at(column));
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      CAPTURE(expected.at("longname"), column, *low, *high, theirs);
      const double slack = 1e-9 * *high;
      ++cells;
      bracketed += *low - slack <= theirs && theirs <= *high + slack ? 1 : 0;
      // A sixth draw lies outside of five with probability 1/3, but not far outside.
      const double range = *high - *low;
      CHECK(theirs >= *low - 3 * range - slack);
      CHECK(theirs <= *high + 3 * range + slack);
    }
  }

  CHECK(bracketed >= cells / 2);
}

TEST_CASE("alpha over windows: of every shape, on every team, refused out of range", "[farms]") {
  const TempFolder temp;
  const auto model = model_in(temp);
  const CsvTable alone = scanned(model, temp / "1", {"--farms", "2"});
  const CsvTable team = scanned(model, temp / "2", {"--farms", "2", "--team-size", "2"}, 2);
  REQUIRE(alone.rows.size() == 4);
  // square, tall, trap, wide: two windows of half the short side; two of 120 x 60 (and 80 over);
  // two of 60 x 120; two.
  const std::vector<std::string> counts{"2", "2", "2", "2"};
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(alone.rows[i].at("name"));
    CHECK(alone.rows[i].at("num_farms") == counts[i]);
    CHECK(number(alone.rows[i].at("farms_hill")) > 1);
    CHECK(relative_difference(number(team.rows[i].at("farms_hill")),
                              number(alone.rows[i].at("farms_hill"))) <= 1e-10);
    CHECK(relative_difference(number(team.rows[i].at("farms_alpha")),
                              number(alone.rows[i].at("farms_alpha"))) <= 1e-10);
  }
  // The tall and the wide matrix are noise of one shape: nearly the same answer.
  CHECK(number(alone.rows[1].at("farms_hill")) ==
        Approx(number(alone.rows[3].at("farms_hill"))).epsilon(0.2));
  // One window that is the whole matrix: its own estimates.
  const CsvTable whole = scanned(model, temp / "3", {"--farms", "1"});
  CHECK(whole.rows[0].at("num_farms") == "1");
  CHECK(whole.rows[0].at("farms_alpha") == whole.rows[0].at("alpha"));
  CHECK(whole.rows[0].at("farms_hill") == whole.rows[0].at("alpha_hill"));
  const Outcome refused =
      run_wishart({"scan", model.string(), "--archive", (temp / "b").string(), "--farms", "0.5"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("--farms: expected an aspect ratio from 1 to 1000000, or 0 for none; "
                         "found 0.5") != std::string::npos);
}
