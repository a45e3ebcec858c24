#pragma once

/// @file
/// What is in a row of an index, which folders and packed files have.

#include <vector>

#include "wishart/archive/index.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::archive {

/// The table of the rows, in `index.h5` and in a packed file.
inline constexpr const char* kIndexTable = "checkpoints_table";

/// What `standing` says of a checkpoint that is in order.
inline constexpr const char* kWhole = "whole";

/// Sets what a row says of a checkpoint, and that it is whole. The id is not the record's: it is
/// that of the file.
void describe_in(IndexRow& row, const Provenance& provenance,
                 const std::vector<SummaryRow>& summary);

/// Sets `left_out` and `place` of all rows of an archive, as Reader::latest_run has them. If one of
/// them is not whole, the order is not known.
void place_rows(std::vector<IndexRow>& rows);

}  // namespace wishart::archive
