#pragma once

/// @file
/// Scans with --randomize and their tables.

#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"

namespace wishart::test {

/// The layer table of a scan as `model`.
inline CsvTable scanned(const std::filesystem::path& model, const std::filesystem::path& archive,
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

/// The table of traps.
inline CsvTable traps_in(const std::filesystem::path& archive, const std::string& id = "model") {
  const Outcome table =
      run_wishart({"export", archive.string(), "--checkpoint", id, "--table", "traps"});
  REQUIRE(table.exit_code == 0);
  return parse_csv(table.out);
}

/// Checks that two tables have the same rows; `tolerance` 0: the same texts.
inline void check_same(const CsvTable& found, const CsvTable& expected, double tolerance) {
  REQUIRE(found.columns == expected.columns);
  REQUIRE(found.rows.size() == expected.rows.size());
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    for (const std::string& column : found.columns) {
      const std::string& a = found.rows[i].at(column);
      const std::string& b = expected.rows[i].at(column);
      CAPTURE(i, column, a, b);
      // A residual is rounding error, and only bounded.
      if (column == "trap_residual") {
        CHECK(number(a) <= 1e-10);
      } else if (tolerance == 0 || column == "name" || column == "key") {
        CHECK(a == b);
      } else {
        CHECK(relative_difference(number(a), number(b)) <= tolerance);
      }
    }
  }
}

}  // namespace wishart::test
