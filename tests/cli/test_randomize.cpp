/// @file
/// --randomize: spectra of matrices with their elements in random order, from files to the table.

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

const std::vector<std::string> kRandom{
    "rand_num_spikes", "max_rand_eval",    "rand_distance", "ww_softrank",   "ww_maxdist",
    "rand_sigma_mp",   "rand_mp_softrank", "rand_W_scale",  "rand_bulk_max", "rand_bulk_min",
    "num_rand",        "num_traps",        "trap_p"};

CsvTable scanned(const std::filesystem::path& model, const std::filesystem::path& archive,
                 std::vector<std::string> more, int ranks = 0) {
  std::vector<std::string> arguments{"scan", model.string(), "--archive",  archive.string(),
                                     "--id", "model",        "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome scan = run_wishart(arguments, ranks);
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  const Outcome table = run_wishart({"export", archive.string(), "--table", "layers"});
  REQUIRE(table.exit_code == 0);
  return parse_csv(table.out);
}

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
  const Outcome stored = run_wishart({"report", (temp / "a").string(), "--format", "json"});
  CHECK(stored.out.find("\\\"randomize\\\": 3, \\\"seed\\\": 20261124") != std::string::npos);

  // Fitting again keeps what only the weights tell.
  REQUIRE(run_wishart({"refit", (temp / "a").string()}).exit_code == 0);
  const Outcome again = run_wishart({"export", (temp / "a").string(), "--table", "layers"});
  const CsvTable refitted = parse_csv(again.out);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    for (const std::string& column : kRandom) {
      CHECK(refitted.rows[i].at(column) == table.rows[i].at(column));
    }
  }
}

TEST_CASE("random orders do not depend on ranks, teams, or memory", "[randomize]") {
  const TempFolder temp;
  const auto model = model_in(temp);
  const std::vector<std::string> alone{"--randomize", "2", "--team-size", "1"};
  const CsvTable reference = scanned(model, temp / "1", alone, 1);
  const CsvTable without = scanned(model, temp / "none", {});
  for (std::size_t i = 0; i < reference.rows.size(); ++i) {
    // The matrix's own spectrum is what it is without.
    CHECK(without.rows[i].at("alpha") == reference.rows[i].at("alpha"));
    CHECK(without.rows[i].at("num_rand") == "0");
  }
  // The same plan, the same bits.
  for (const int ranks : {2, 4, 6}) {
    const CsvTable table = scanned(model, temp / std::to_string(ranks), alone, ranks);
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

TEST_CASE("a convolution's views keep their elements; what cannot be solved has no columns",
          "[randomize]") {
  const TempFolder temp;
  std::vector<float> bad = noise_values(40 * 30, 6);
  bad[7] = std::nanf("");
  write_bytes(temp / "m.safetensors",
              safetensors_bytes({{"bad.weight", {40, 30}, bad},
                                 {"conv.weight", {24, 16, 3, 3}, noise_values(24 * 16 * 9, 5)},
                                 {"zero.weight", {40, 30}, std::vector<float>(1200)}}));
  const Outcome scan =
      run_wishart({"scan", (temp / "m.safetensors").string(), "--archive", (temp / "a").string(),
                   "--progress", "none", "--randomize", "2"});
  CHECK(scan.exit_code == 5);  // bad.weight
  const Outcome exported = run_wishart({"export", (temp / "a").string(), "--table", "layers"});
  const CsvTable table = parse_csv(exported.out);
  REQUIRE(table.rows.size() == 3);
  for (const auto& row : table.rows) {
    CAPTURE(row.at("name"));
    const bool solved = row.at("name") == "conv";
    CHECK(row.at("num_rand") == (solved ? "2" : "0"));
    CHECK(std::isnan(number(row.at("max_rand_eval"))) == !solved);
    if (solved) {
      CHECK(number(row.at("rand_W_scale")) == Approx(number(row.at("W_scale"))).epsilon(1e-12));
    }
  }
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
