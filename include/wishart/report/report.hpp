#pragma once

/// @file
/// The summary report of one archived checkpoint, for people, and as JSON.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// `html` is one page that needs nothing but itself: no script, style, image or address from
/// elsewhere.
enum class ReportFormat { text, markdown, html, json };

/// Summary, then the layers that need attention, then the table of layers, then what was skipped.
/// Names are made safe for the format. HTML has drawings too, and more rows. Ends with a newline.
[[nodiscard]] std::string render_report(const CheckpointRecord& record, ReportFormat format);

}  // namespace wishart::report
