#pragma once

/// @file
/// Internal: what became of embeddings of tokens and of heads, which models change lawfully.

#include <string>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// A head may be a classifier: unless the embedding got the same vocabulary, its rows are not
/// tokens. Such heads become `reshaped`.
void tell_other_heads(std::vector<ComparisonRow>& rows);

/// `tied` or `replaced` instead of `removed`, for tables that no model misses.
/// @param rows  compared; those of A that B has not are `removed` or left out
void tell_lawful_removals(std::vector<ComparisonRow>& rows, const CheckpointRecord& a,
                          const CheckpointRecord& b);

/// True of a vector or matrix of a classifier or a reward model, such as `score.weight`.
[[nodiscard]] bool is_of_classifier(const std::string& name);

/// True of what belongs to the head of a language model, such as `cls.predictions.bias`.
[[nodiscard]] bool is_of_language_head(const std::string& name);

/// True if B has a classifier instead of A's language head.
[[nodiscard]] bool is_classifier_of(const CheckpointRecord& b, const CheckpointRecord& a);

}  // namespace wishart::analysis
