#pragma once

/// @file
/// What the losses of a run say. The order of the tests, and the margins, are those by which the
/// fates of trained models were defined (docs/zoo.md), as far as recorded losses allow.

#include <cstdint>
#include <optional>
#include <span>

#include "wishart/analysis/advice.hpp"

namespace wishart::analysis {

/// The share of its lowest value by which a held-out loss must rise at a single checkpoint to
/// count: less may be noise.
inline constexpr double kRiseOnce = 0.01;

/// Doublings of the steps that a trend takes, of losses or spectra: learning slows down over
/// doublings, not over steps, so what has not changed over less may do so yet.
inline constexpr double kShortestTrend = 0.5;

/// Nothing if fewer than `least` checkpoints have a loss, or the last two have none, unless the
/// training losses have risen: then that the run diverges, or `unknown`.
/// @pre the losses are likelihoods
[[nodiscard]] std::optional<Conclusion> conclude_from_losses(std::span<const HistoryRow> rows,
                                                             const Trained& trained,
                                                             std::int64_t least);

}  // namespace wishart::analysis
