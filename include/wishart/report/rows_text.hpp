#pragma once

/// @file
/// Renders rows of any type with `visit_columns` as JSON or CSV.

#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "wishart/analysis/change.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/report/export.hpp"
#include "wishart/report/json_rows.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {

inline std::string csv_value(const std::string& text) { return csv_cell(text); }
inline std::string csv_value(std::int64_t value) { return std::to_string(value); }
inline std::string csv_value(bool value) { return value ? "True" : "False"; }
inline std::string csv_value(double value) { return shortest(value); }
inline std::string csv_value(analysis::Change change) {
  return csv_cell(std::string(analysis::change_name(change)));
}

/// The header line with the names of the columns.
template <class Row>
[[nodiscard]] std::string csv_head() {
  std::string text;
  visit_columns(Row{}, [&](const char* name, const auto&) {
    text += (text.empty() ? "" : ",") + std::string(name);
  });
  return text + '\n';
}

template <class Row>
[[nodiscard]] std::string csv_line(const Row& row) {
  std::string line;
  bool first = true;
  visit_columns(row, [&](const char*, const auto& value) {
    if (!first) line += ',';
    line += csv_value(value);
    first = false;
  });
  return line + '\n';
}

/// The header line, then a line for each row (format: export.hpp).
template <class Row>
[[nodiscard]] std::string csv_table(const std::vector<Row>& rows) {
  std::string text = csv_head<Row>();
  for (const Row& row : rows) text += csv_line(row);
  return text;
}

/// A line of JSON lines: an object that begins with its schema (docs/json.md).
template <class Row>
[[nodiscard]] std::string json_line(const Row& row) {
  return "{\"schema\": \"wishart/exportrow/1\", " + json_object(row).substr(1) + "\n";
}

/// Writes an exported table row by row, so that only the rows are in memory (formats: export.hpp).
/// @param row_of  makes the row that is written of each element of `rows`
template <class Rows, class RowOf>
void write_rows(std::ostream& out, const Rows& rows, TableFormat format, const ExportSource& source,
                const RowOf& row_of) {
  using Row = std::remove_cvref_t<decltype(row_of(*rows.begin()))>;
  switch (format) {
    case TableFormat::csv:
      out << csv_head<Row>();
      for (const auto& one : rows) out << csv_line(row_of(one));
      return;
    case TableFormat::json:
      out << export_opening(source);
      write_json_array(out, rows, row_of);
      out << "}\n";
      return;
    case TableFormat::jsonl:
      for (const auto& one : rows) out << json_line(row_of(one));
      return;
  }
}

template <class Rows>
void write_rows(std::ostream& out, const Rows& rows, TableFormat format,
                const ExportSource& source) {
  write_rows(
      out, rows, format, source, [](const auto& row) -> const auto& { return row; });
}

/// The same as a text.
template <class Rows>
[[nodiscard]] std::string rows_text(const Rows& rows, TableFormat format,
                                    const ExportSource& source) {
  std::ostringstream text;
  write_rows(text, rows, format, source);
  return std::move(text).str();
}

}  // namespace wishart::report
