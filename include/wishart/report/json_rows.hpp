#pragma once

/// @file
/// Rows of any type with `visit_columns` as JSON.

#include <cmath>
#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/core/text.hpp"

namespace wishart::report {

inline std::string json_value(const std::string& text) { return json_quoted(text); }
/// `null` for an empty text, otherwise like json_value.
inline std::string json_value_or_null(const std::string& text) {
  return text.empty() ? "null" : json_quoted(text);
}
inline std::string json_value(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    json += (i > 0 ? ", " : "") + json_quoted(texts[i]);
  }
  return json + "]";
}
inline std::string json_value(std::int64_t value) { return std::to_string(value); }
inline std::string json_value(bool value) { return value ? "true" : "false"; }
/// JSON has no NaN and no infinities.
inline std::string json_value(double value) {
  return std::isfinite(value) ? shortest(value) : "null";
}

inline std::string json_value(analysis::Change change) {
  return json_quoted(analysis::change_name(change));
}

/// `{"column": value, ...}` in the order of the columns.
template <class Row>
[[nodiscard]] std::string json_object(const Row& row) {
  std::string text;
  visit_columns(row, [&](const char* name, const auto& value) {
    text += (text.empty() ? "{\"" : ", \"") + std::string(name) + "\": " + json_value(value);
  });
  return text + "}";
}

/// Writes `[object, ...]`, one object a line.
/// @param row_of  makes the row that is written of each element of `rows`
template <class Rows, class RowOf>
void write_json_array(std::ostream& out, const Rows& rows, const RowOf& row_of) {
  bool first = true;
  for (const auto& one : rows) {
    out << (first ? "[\n  " : ",\n  ") << json_object(row_of(one));
    first = false;
  }
  out << (first ? "[]" : "\n]");
}

template <class Rows>
void write_json_array(std::ostream& out, const Rows& rows) {
  write_json_array(
      out, rows, [](const auto& row) -> const auto& { return row; });
}

/// The same as a text.
template <class Rows>
[[nodiscard]] std::string json_array(const Rows& rows) {
  std::ostringstream text;
  write_json_array(text, rows);
  return std::move(text).str();
}

}  // namespace wishart::report
