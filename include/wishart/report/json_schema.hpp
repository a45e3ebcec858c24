#pragma once

/// @file
/// The schemas of the JSON that commands write (docs/json.md). The number increases when a member
/// is removed or changes its type, unit or meaning, but not when a member is added.

#include <string>

#include "wishart/core/text.hpp"

namespace wishart::report {

inline constexpr const char* kReportSchema = "wishart/report/2";
inline constexpr const char* kExportSchema = "wishart/export/1";
inline constexpr const char* kCompareSchema = "wishart/compare/1";
inline constexpr const char* kGateSchema = "wishart/gate/1";
inline constexpr const char* kCheckSchema = "wishart/check/1";
inline constexpr const char* kRankSchema = "wishart/rank/1";
inline constexpr const char* kVerifySchema = "wishart/verify/1";
inline constexpr const char* kInspectSchema = "wishart/inspect/1";
inline constexpr const char* kInspectHistorySchema = "wishart/inspecthistory/1";
inline constexpr const char* kPlanSchema = "wishart/plan/1";
inline constexpr const char* kSynthSchema = "wishart/synth/1";
inline constexpr const char* kShapesSchema = "wishart/shapes/1";
inline constexpr const char* kProgressSchema = "wishart/progress/1";

/// The beginning of a document: the brace and the schema as first member.
[[nodiscard]] inline std::string json_opening(const char* schema) {
  return "{\"schema\": " + json_quoted(schema);
}

}  // namespace wishart::report
