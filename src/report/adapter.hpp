#pragma once

/// @file
/// Internal: the section of a report about an adapter.

#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "page/page.hpp"

namespace wishart::report {

/// A summary and the table of the adapted layers; nothing if there are none.
/// @param most  rows of the table
void add_adapter(Page& page, const CheckpointRecord& record, std::size_t most);

}  // namespace wishart::report
