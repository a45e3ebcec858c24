#include "commands/report_style.hpp"

namespace wishart::job {

report::ReportStyle style_of(OutputFormat format, const ReadingOptions& reading,
                             const std::string& command) {
  const auto as = format == OutputFormat::md      ? report::ReportFormat::markdown
                  : format == OutputFormat::html  ? report::ReportFormat::html
                  : format == OutputFormat::json  ? report::ReportFormat::json
                  : format == OutputFormat::brief ? report::ReportFormat::brief
                                                  : report::ReportFormat::text;
  return {as, reading.width, reading.page.empty() ? command : reading.page};
}

}  // namespace wishart::job
