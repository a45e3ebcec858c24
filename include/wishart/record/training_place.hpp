#pragma once

/// @file
/// Where a checkpoint stands in its training: what histories are ordered by.

#include <cstdint>
#include <string>

namespace wishart {

/// Stage, step and name of a checkpoint; a number that is not known is -1.
struct TrainingPlace {
  std::int64_t stage = -1;
  std::int64_t step = -1;
  std::string name;
};

/// The place of a checkpoint of this name. The stage is known from the name alone.
[[nodiscard]] TrainingPlace training_place(std::int64_t step, const std::string& name);

/// The order of checkpoints: by stage, then by step, then by name as people read it. Those without
/// a step, such as `final`, come last in their stage.
[[nodiscard]] bool comes_before(const TrainingPlace& a, const TrainingPlace& b);

}  // namespace wishart
