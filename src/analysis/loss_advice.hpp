#pragma once

/// @file
/// What the losses of a run say. The order of the tests, and the margins, are those by which the
/// fates of trained models were defined (docs/zoo.md), as far as recorded losses allow.

#include <optional>
#include <span>

#include "wishart/analysis/advice.hpp"

namespace wishart::analysis {

/// The share of its lowest value by which a held-out loss must rise at a single checkpoint to
/// count: less may be noise.
inline constexpr double kRiseOnce = 0.01;

/// The losses of the last stage of a run.
struct LossSeries {
  std::vector<std::size_t> at;  ///< rows with the leading loss
  std::vector<double> x;        ///< doublings of tokens or steps, NaN at 0; as long as `at`
  std::vector<double> leading;  ///< eval_loss if it is known often enough, else loss
  std::vector<double> training;
  bool is_eval = false;
  bool from_start = false;  ///< the first of them is at step 0
};

/// Rows of the stage of the last one, from its first row on.
[[nodiscard]] std::span<const HistoryRow> last_stage(std::span<const HistoryRow> rows);

[[nodiscard]] LossSeries losses_of(std::span<const HistoryRow> rows, bool by_tokens);

/// Nothing if fewer than `least` checkpoints have a loss, or the last two have none.
[[nodiscard]] std::optional<Conclusion> conclude_from_losses(std::span<const HistoryRow> rows,
                                                             const Trained& trained,
                                                             std::int64_t least);

}  // namespace wishart::analysis
