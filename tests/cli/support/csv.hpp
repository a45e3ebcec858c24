#pragma once

/// @file
/// Reading CSV tables in tests.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace wishart::test {

/// A table: each row maps column names to cells.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> rows;
};

/// Parses RFC 4180 CSV with a header line.
[[nodiscard]] CsvTable parse_csv(const std::string& text);
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);

/// A cell as a number: `nan`, `inf`, `-inf` and empty (NaN) too.
[[nodiscard]] double number(const std::string& cell);

/// |a - b| / |b|, 0 if both are the same infinity, both NaN, or equal; infinity if only one is
/// finite.
[[nodiscard]] double relative_difference(double a, double b);

}  // namespace wishart::test
