#pragma once

/// @file
/// What DeepSpeed's model states say about the division of the model: experts in files of their
/// own (MoE, AutoEP), and weights divided by AutoTP.

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "formats/parallel/parallel.hpp"

namespace wishart::checkpoint {

/// The number of experts of each layer of experts, by the number of that layer among them.
using ExpertCounts = std::map<std::int64_t, std::int64_t>;

/// The files of experts, by layer and expert.
using ExpertFiles = std::map<std::pair<std::int64_t, std::int64_t>, std::string>;

/// The counts that model states give as `num_experts` and `ds_autoep_layers`; empty if neither is
/// there.
[[nodiscard]] ExpertCounts expert_counts(const Pickle& states);

/// Throws Error with Blame::input, beginning with `place`, unless there is a file of each expert.
void check_experts(const ExpertCounts& counts, const ExpertFiles& files, const std::string& place);

/// AutoTP divides fused weights (queries, keys and values) part by part, and writes how into the
/// states. That is not the division of Megatron.
/// @throws Error with Blame::input if the states of one of `model_ranks` > 1 ranks say so
void refuse_auto_tensor_parallel(const ParallelFile& states, std::size_t model_ranks);

/// AutoEP with ZeRO stage 3 divides each expert among the ranks that have it, not among all ranks.
/// @throws Error with Blame::input if the states say so
void refuse_divided_experts(const ParallelFile& states);

}  // namespace wishart::checkpoint
