#pragma once

/// @file
/// Internal: a verdict as JSON (docs/json.md#verdict).

#include <string>

#include "wishart/analysis/verdict.hpp"
#include "wishart/report/rows_text.hpp"

namespace wishart::report {

[[nodiscard]] inline std::string verdict_json(const analysis::Verdict& verdict) {
  std::string json = "{\"level\": " + json_quoted(analysis::level_name(verdict.level)) +
                     ", \"sentence\": " + json_quoted(verdict.sentence) + ", \"reasons\": [";
  for (std::size_t i = 0; i < verdict.reasons.size(); ++i) {
    json += (i > 0 ? ", " : "") + ("{\"text\": " + json_quoted(verdict.reasons[i].text)) +
            ", \"anchor\": " + json_value_or_null(verdict.reasons[i].anchor) +
            ", \"figures\": " + json_value(verdict.reasons[i].figures) + "}";
  }
  return json + "]}";
}

}  // namespace wishart::report
