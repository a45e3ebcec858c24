#pragma once

/// @file
/// Inside of the module: the report as one JSON object.

#include <string>
#include <vector>

#include "wishart/analysis/analysed.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

[[nodiscard]] std::string report_json(const CheckpointRecord& record);

/// What is left out of a history or a ranking: `[{"checkpoint": , "analysis": , "base_path": }]`.
[[nodiscard]] std::string left_out_json(const std::vector<analysis::Analysed>& left_out);

}  // namespace wishart::report
