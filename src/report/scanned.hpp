#pragma once

/// @file
/// Internal: what a report says of the scan: of what it was made and how, and what it left out.

#include "wishart/record/checkpoint_record.hpp"

#include "page/page.hpp"

namespace wishart::report {

/// The checkpoint, its training, the program, and what its numbers mean.
void add_provenance(Page& page, const CheckpointRecord& record);
/// How many matrices were analysed, and how many parameters.
void add_coverage(Page& page, const CheckpointRecord& record);
/// Tensors that were skipped, by reason.
void add_skipped(Page& page, const CheckpointRecord& record);
/// Solvers, their checks, and what the plan predicted.
void add_numerics(Page& page, const CheckpointRecord& record);

}  // namespace wishart::report
