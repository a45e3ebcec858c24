#pragma once

/// @file
/// Checkpoints of a run that hold the same weights: their losses are not all those of the weights.

#include <span>
#include <string>

#include "wishart/analysis/advice.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// A hash of the values of all matrices. Empty if there are none, if the hash of one is not known,
/// or if some were left out by choice: they might have changed.
[[nodiscard]] std::string hash_of_weights(const CheckpointRecord& record);

/// The first of the rows with the weights of the last; the last itself if there is no other.
struct SameWeights {
  std::size_t first = 0;
  bool returned = false;  ///< those in between have others: the weights were loaded again
};
/// @pre there is a row
[[nodiscard]] SameWeights same_weights(std::span<const HistoryRow> rows);

/// Where the last checkpoint has the weights of an earlier one, no calm conclusion follows from the
/// losses beside them.
/// @param rows  the last stage
void heed_same_weights(Conclusion& conclusion, std::span<const HistoryRow> rows);

}  // namespace wishart::analysis
