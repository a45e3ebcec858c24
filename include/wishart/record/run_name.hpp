#pragma once

/// @file
/// What the name of a checkpoint tells of the run that it is from (docs/decisions/107).

#include <cstdint>
#include <string>
#include <string_view>

namespace wishart {

/// What the checkpoints of a run share in their names.
struct RunName {
  std::string run;      ///< what is left without numbers of training and words for any checkpoint
  std::string word;     ///< that before the step; `#`: another number; empty: the name has none
  bool placed = false;  ///< the name has the step
  std::string whole;    ///< the run if a number that is not the step is part of its name

  /// True if the number that was taken may as well be of the run: `llama-7b`, `part-3`.
  [[nodiscard]] bool is_guess() const { return word == "#" && !placed; }

  friend bool operator==(const RunName&, const RunName&) = default;
};

/// Reads the name of a checkpoint. `stage2-mixA-step500-tokens3B` is of the run `mixa`, its word is
/// `step`; `checkpoint-500` and `final` are of a run without a name of its own. Numbers of stages,
/// of epochs and of losses are no part of it, nor is the last number of a name without the step.
/// @param step  of the checkpoint, which the name need not have; -1: not known
[[nodiscard]] RunName run_name(std::string_view name, std::int64_t step);

/// True if the name has that of the run, whose checkpoints have numbers, and nothing else but
/// numbers: `llama-7b-final` and `llama-7b-v2` beside `llama-7b-step100`.
[[nodiscard]] bool is_named_by(const RunName& name, const RunName& run);

/// The same with `#` for each number: what runs have in common that are told apart by numbers only.
[[nodiscard]] std::string without_numbers(std::string_view run);

}  // namespace wishart
