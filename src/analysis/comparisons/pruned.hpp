#pragma once

/// @file
/// Internal: models of which blocks or experts were removed and the others numbered anew.

#include <optional>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// A as it would be if it had been pruned like B.
struct Pruned {
  CheckpointRecord a;  ///< with the names of B, and without what was removed
  /// What was removed, in words, without a dot: `blocks 3 and 4 of 6 were removed`.
  std::string text;
  /// Layers of B with a row for each expert, which have fewer rows now and no counterpart in `a`.
  std::vector<std::string> routers;
};

/// Only if hashes prove it: blocks or experts of B hold the weights of others of A, in the order of
/// A and all alike, the others are those of A, and the last ones of A are gone.
[[nodiscard]] std::optional<Pruned> pruned_from(const CheckpointRecord& a,
                                                const CheckpointRecord& b);

}  // namespace wishart::analysis
