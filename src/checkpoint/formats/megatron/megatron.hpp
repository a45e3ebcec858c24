#pragma once

/// @file
/// Checkpoints of Megatron-LM before torch_dist: a folder `mp_rank_XX` for each model-parallel
/// rank.

#include <filesystem>
#include <string_view>

#include "formats/parallel/parallel.hpp"

namespace wishart::checkpoint {

/// True for the name of a rank's folder: `mp_rank_00`, `mp_rank_00_001`, `mp_rank_00_001_002`.
[[nodiscard]] bool is_megatron_rank(std::string_view name);

/// Assembles the pieces of the ranks (docs/formats.md, "Megatron").
/// @throws Error with Blame::input
[[nodiscard]] Weights read_megatron(const std::filesystem::path& root);

/// Megatron-LM, before torch_dist.
[[nodiscard]] const Format& megatron_format();

}  // namespace wishart::checkpoint
