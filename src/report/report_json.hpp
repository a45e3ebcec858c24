#pragma once

/// @file
/// Internal: the report as one JSON document (docs/json.md).

#include <iosfwd>
#include <string>
#include <vector>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// Writes it layer by layer: all of it takes more memory than the record.
/// @param history  the JSON object of a history, or `null`
void write_report_json(std::ostream& out, const CheckpointRecord& record,
                       const std::string& history, const analysis::Verdict& verdict);

/// What was left out of a history or a ranking: `[{"checkpoint": , "analysis": , "base_path": ,
/// "why": }]`.
[[nodiscard]] std::string left_out_json(const std::vector<Analysed>& left_out);

}  // namespace wishart::report
