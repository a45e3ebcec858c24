#pragma once

/// @file
/// Internal: reports as parts of a page.

#include <string>

#include "wishart/analysis/history.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/record/checkpoint_record.hpp"

#include "page/page.hpp"

namespace wishart::report {

/// @param alpha_since  the change of the mean alpha since the checkpoint before; empty: not known
void add_history(Page& page, const analysis::History& history, const analysis::Verdict& verdict,
                 const std::string& alpha_since);
void add_report(Page& page, const CheckpointRecord& record, const analysis::Verdict& verdict,
                const analysis::Beside& beside);

}  // namespace wishart::report
