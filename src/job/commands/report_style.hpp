#pragma once

/// @file
/// The style of a report, from the options of its command.

#include <string>

#include "wishart/job/options.hpp"
#include "wishart/report/report.hpp"

namespace wishart::job {

/// @param command  what makes the whole report, as a brief names it if --page does not
/// @pre format is one of text, md, html, json and brief
[[nodiscard]] report::ReportStyle style_of(OutputFormat format, const ReadingOptions& reading,
                                           const std::string& command);

}  // namespace wishart::job
