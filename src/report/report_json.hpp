#pragma once

/// @file
/// Inside of the module: the report as one JSON document, docs/json.md.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// @param history  the object of a history, or `null`
[[nodiscard]] std::string report_json(const CheckpointRecord& record, const std::string& history);

}  // namespace wishart::report
