#pragma once

/// @file
/// DeepSpeed checkpoints: model states of model-parallel ranks, layers of a pipeline, and the
/// partitions of ZeRO stage 3.

#include <filesystem>
#include <string_view>

#include "formats/parallel/parallel.hpp"

namespace wishart::checkpoint {

inline constexpr std::string_view kDeepSpeed = "deepspeed";

/// True for the name of a file with model states of DeepSpeed.
[[nodiscard]] bool is_deepspeed_states(std::string_view name);

/// Reads the weights of a DeepSpeed folder (docs/formats.md, "DeepSpeed").
/// @throws Error with Blame::input
[[nodiscard]] Weights read_deepspeed(const std::filesystem::path& root);

/// DeepSpeed.
[[nodiscard]] const Format& deepspeed_format();

}  // namespace wishart::checkpoint
