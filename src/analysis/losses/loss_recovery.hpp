#pragma once

/// @file
/// Internal: losses that are above their lowest, but on their way back to it.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "wishart/analysis/advice.hpp"

namespace wishart::analysis {

/// Losses of one kind that end above their lowest.
struct AboveLowest {
  std::string name;  ///< `eval loss`
  const std::vector<double>& losses;
  const std::vector<std::size_t>& at;  ///< their rows
  std::span<const HistoryRow> rows;
};

/// `The eval loss is 2.31, 2.7 % above its lowest, 2.25 at checkpoint-3000`
[[nodiscard]] std::string above_text(const AboveLowest& above);

/// True if they fall again. A learning rate that is warmed up again raises them at first, as other
/// data may; where the rates tell, the first loss since need not have fallen yet. Not if most of
/// what had been learnt is lost.
[[nodiscard]] bool recovers(const AboveLowest& above, const Trained& trained);

/// True if they rose once and have come down since, checkpoint for checkpoint, by a quarter of the
/// rise, though no other loss or rate says why.
[[nodiscard]] bool has_come_back(const AboveLowest& above, const Trained& trained);

/// A sentence or two on losses that recover.
[[nodiscard]] std::string recovery_text(const AboveLowest& above);

}  // namespace wishart::analysis
