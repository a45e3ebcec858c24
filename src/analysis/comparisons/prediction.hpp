#pragma once

/// @file
/// Internal: modules for multi-token prediction, which make drafts for speculative decoding and are
/// often left out when a model is saved.

#include <string>
#include <string_view>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// How the names of such modules of A begin of which B has no tensor at all: `mtp.`,
/// `model.layers.61.`. One of which B has a part was damaged.
[[nodiscard]] std::vector<std::string> left_predictions(const CheckpointRecord& a,
                                                        const CheckpointRecord& b);

/// True if `name` begins with one of them.
[[nodiscard]] bool begins_with_one(std::string_view name, const std::vector<std::string>& modules);

/// `mtp` instead of `removed`, for their layers.
void tell_left_predictions(std::vector<ComparisonRow>& rows, const CheckpointRecord& a,
                           const CheckpointRecord& b);

}  // namespace wishart::analysis
