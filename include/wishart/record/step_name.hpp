#pragma once

/// @file
/// The training step of a checkpoint, read from the name of its folder.

#include <cstdint>
#include <string>
#include <string_view>

namespace wishart {

/// The numbers in a name such as `checkpoint-600` or `stage1-step928646-tokens3896B`; -1 if absent.
struct StepName {
  std::int64_t stage = -1;
  std::int64_t step = -1;
  std::int64_t tokens = -1;
  std::string word;  ///< that of the step: `checkpoint`; empty without a step
  std::string rest;  ///< the name with `-` in place of these three
};

/// Reads a folder's or a file's name (docs/formats.md, "Training step").
///
/// The step is the number after the first of the words `step`, `iter`, `checkpoint`, `global_step`,
/// `ba` and `batch` that begins the name or follows one of `-_=`, with at most one of `-_=` between
/// word and number. `step100k` and `step1.5` give no step, because what follows the number would
/// change it.
[[nodiscard]] StepName parse_step_name(std::string_view name);

}  // namespace wishart
