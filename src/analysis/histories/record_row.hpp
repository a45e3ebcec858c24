#pragma once

/// @file
/// Internal: what a history takes from one record.

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// The row of a checkpoint, without what its neighbours tell.
[[nodiscard]] HistoryRow row_of(const CheckpointRecord& record);

/// The length of the vocabulary or the number of classes, by the embedding and the head; -1:
/// unknown. Who reads tokens and has a head for something else, predicts no tokens.
[[nodiscard]] Trained trained_of(const CheckpointRecord& record);

}  // namespace wishart::analysis
