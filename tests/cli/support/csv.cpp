#include "support/csv.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace wishart::test {

CsvTable parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> lines(1);
  std::string cell;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside) {
      if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
        cell += '"';
        ++i;
      } else if (c == '"') {
        inside = false;
      } else {
        cell += c;
      }
    } else if (c == '"') {
      inside = true;
    } else if (c == ',' || c == '\n') {
      lines.back().push_back(cell);
      cell.clear();
      if (c == '\n') lines.emplace_back();
    } else if (c != '\r') {
      cell += c;
    }
  }
  CsvTable table;
  if (lines.front().empty()) return table;
  table.columns = lines.front();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    if (lines[i].size() != table.columns.size()) throw std::runtime_error("uneven CSV row");
    auto& row = table.rows.emplace_back();
    for (std::size_t k = 0; k < table.columns.size(); ++k) row[table.columns[k]] = lines[i][k];
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return parse_csv(text.str());
}

double number(const std::string& cell) {
  if (cell.empty()) return std::numeric_limits<double>::quiet_NaN();
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  if (end != cell.c_str() + cell.size()) throw std::runtime_error("not a number: " + cell);
  return value;
}

double relative_difference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
  return b == 0 ? std::abs(a) : std::abs(a - b) / std::abs(b);
}

}  // namespace wishart::test
