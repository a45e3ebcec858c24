#pragma once

/// @file
/// Reports and histories as texts.

#include <sstream>
#include <string>
#include <utility>

#include "wishart/report/decisions.hpp"
#include "wishart/report/report.hpp"

#include "sections.hpp"

namespace wishart::test {

inline std::string render_report(const CheckpointRecord& record, const report::ReportStyle& style,
                                 const analysis::Beside& beside = {}) {
  std::ostringstream text;
  report::write_report(text, record, style, beside);
  return std::move(text).str();
}

inline std::string render_run(const analysis::History& history, const CheckpointRecord& last,
                              const report::ReportStyle& style,
                              const analysis::Beside& beside = {}) {
  std::ostringstream text;
  report::write_run(text, history, last, style, beside);
  return std::move(text).str();
}

/// Without a report on the last checkpoint; in JSON, with an empty one.
inline std::string render_history(const analysis::History& history,
                                  const report::ReportStyle& style) {
  if (style.format == report::ReportFormat::json) return render_run(history, {}, style);
  report::Page page(style);
  report::add_history(page, history, analysis::verdict_of(history, {}), "");
  return page.take();
}

}  // namespace wishart::test
