#pragma once

/// @file
/// The summary report of one archived checkpoint, as text.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

enum class ReportFormat { text, markdown, json };

/// Summary, then the layers that need attention, then the table of layers, then what was skipped.
/// Names are made safe for the format. Ends with a newline.
[[nodiscard]] std::string render_report(const CheckpointRecord& record, ReportFormat format);

}  // namespace wishart::report
