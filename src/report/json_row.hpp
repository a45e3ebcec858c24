#pragma once

/// @file
/// Inside of the module: a table row as a JSON object.

#include <cmath>
#include <cstdint>
#include <string>

#include "wishart/core/text.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::report {

inline std::string json_value(const std::string& text) { return json_quoted(text); }
inline std::string json_value(std::int64_t value) { return std::to_string(value); }
inline std::string json_value(bool value) { return value ? "true" : "false"; }
/// JSON has no NaN and no infinities.
inline std::string json_value(double value) {
  return std::isfinite(value) ? shortest(value) : "null";
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

/// `[object, ...]`, one object a line.
template <class Rows>
[[nodiscard]] std::string json_array(const Rows& rows) {
  std::string text = "[";
  for (const auto& row : rows) text += (text.size() > 1 ? ",\n  " : "\n  ") + json_object(row);
  return text + (text.size() > 1 ? "\n]" : "]");
}

}  // namespace wishart::report
