#pragma once

/// @file
/// Inside of the module: the report as one JSON object.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

[[nodiscard]] std::string report_json(const CheckpointRecord& record);

}  // namespace wishart::report
