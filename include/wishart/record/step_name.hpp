#pragma once

/// @file
/// The place of a checkpoint in its training, as the name of its folder tells it.

#include <cstdint>
#include <string_view>

namespace wishart {

/// What a name such as `checkpoint-600` or `stage1-step928646-tokens3896B` says; -1: nothing.
struct StepName {
  std::int64_t stage = -1;
  std::int64_t step = -1;
  std::int64_t tokens = -1;
};

/// Reads a folder's or a file's name (docs/formats.md, "Training step").
///
/// The step is the number after the first of the words `step`, `iter`, `checkpoint`, `global_step`,
/// `ba` and `batch` that begins the name or follows one of `-_=`, with at most one of `-_=` between
/// word and number. `step100k`, `step1.5` tell no step: what stands behind the number would change
/// it.
[[nodiscard]] StepName parse_step_name(std::string_view name);

}  // namespace wishart
