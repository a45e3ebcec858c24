/// @file
/// Results do not depend on the number of ranks, nor on the size of the teams.

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// Columns that tell how a result was computed, or how exactly; all others are results.
const std::vector<std::string> kHow{
    "solver", "team_size", "seconds", "predicted_seconds", "fit_seconds", "sum_squares_error"};

/// Singular values from a Gram matrix: an error of c * eps * sigma_max^2 in the eigenvalue is one
/// of c * eps * sigma_max^2 / (2 sigma) in sigma (docs/numerics.md). c covers the growth with size.
bool agrees_as_singular_value(double a, double b, double largest) {
  constexpr double kC = 16;
  return std::abs(a - b) <= kC * std::numeric_limits<double>::epsilon() * largest * largest / b;
}

struct Run {
  int ranks;
  int team;
};

std::string archive_of(const TempFolder& temp, const std::filesystem::path& checkpoint, Run run) {
  const std::string archive =
      (temp / ("r" + std::to_string(run.ranks) + "t" + std::to_string(run.team))).string();
  const Outcome scan = run_wishart({"scan", checkpoint.string(), "--archive", archive,
                                    "--team-size", std::to_string(run.team), "--progress", "none"},
                                   run.ranks);
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  return archive;
}

CsvTable table_of(const std::string& archive, const std::string& table,
                  const std::string& matrix = "") {
  std::vector<std::string> arguments{"export", archive, "--table", table};
  if (!matrix.empty()) arguments.insert(arguments.end(), {"--matrix", matrix});
  const Outcome out = run_wishart(arguments);
  INFO(out.err);
  REQUIRE(out.exit_code == 0);
  return parse_csv(out.out);
}

void check_equal_to_10_digits(const CsvTable& ours, const CsvTable& reference) {
  REQUIRE(ours.rows.size() == reference.rows.size());
  REQUIRE(ours.columns == reference.columns);
  for (std::size_t i = 0; i < ours.rows.size(); ++i) {
    for (const std::string& column : ours.columns) {
      if (std::find(kHow.begin(), kHow.end(), column) != kHow.end()) continue;
      const std::string& a = ours.rows[i].at(column);
      const std::string& b = reference.rows[i].at(column);
      if (a == b) continue;
      CAPTURE(i, column, a, b);
      if (column == "sv_min") {
        // A small singular value does not have ten digits: it is as exact as the spectrum it ends.
        CHECK(
            agrees_as_singular_value(number(a), number(b), number(reference.rows[i].at("sv_max"))));
        continue;
      }
      CHECK(relative_difference(number(a), number(b)) <= 1e-10);
    }
  }
}

}  // namespace

TEST_CASE("1, 2, 4 and 6 ranks and teams of 1, 2 and 4 give one table", "[ranks]") {
  const auto shared = shared_folder();
  if (!shared) return;
  const auto checkpoint = *shared / "fixtures/history/checkpoint-600";
  const TempFolder temp;
  const std::string reference = archive_of(temp, checkpoint, {1, 1});
  const CsvTable layers = table_of(reference, "layers");
  const CsvTable summary = table_of(reference, "summary");
  REQUIRE(layers.rows.size() == 31);
  for (const Run run : {Run{1, 0}, Run{2, 1}, Run{2, 2}, Run{4, 1}, Run{4, 2}, Run{4, 4}, Run{6, 1},
                        Run{6, 2}, Run{6, 4}, Run{6, 0}}) {
    CAPTURE(run.ranks, run.team);
    const std::string archive = archive_of(temp, checkpoint, run);
    check_equal_to_10_digits(table_of(archive, "layers"), layers);
    check_equal_to_10_digits(table_of(archive, "summary"), summary);
    for (const char* matrix : {"lm_head.weight", "model.layers.0.mlp.down_proj.weight",
                               "model.layers.3.self_attn.v_proj.weight"}) {
      const CsvTable ours = table_of(archive, "spectrum", matrix);
      const CsvTable theirs = table_of(reference, "spectrum", matrix);
      REQUIRE(ours.rows.size() == theirs.rows.size());
      const double largest = number(theirs.rows.back().at("sigma"));
      for (std::size_t k = 0; k < ours.rows.size(); ++k) {
        CAPTURE(matrix, k);
        CHECK(agrees_as_singular_value(number(ours.rows[k].at("sigma")),
                                       number(theirs.rows[k].at("sigma")), largest));
      }
    }
  }
}
