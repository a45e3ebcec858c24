#pragma once

/// @file
/// What the spectra of a run say where no losses do. Losses are the better witnesses: the signs
/// used here were found on trained models (docs/evidence.md), which also says how often they miss.

#include <span>

#include "wishart/analysis/advice.hpp"

namespace wishart::analysis {

/// Concludes from the spectra alone: `unknown` without strong evidence. Whether a run that still
/// changes learns or over-fits is not to be seen in them (docs/decisions/030).
/// @param window  checkpoints over which layers settle
/// @pre rows is not empty
[[nodiscard]] Conclusion conclude_from_spectra(std::span<const HistoryRow> rows,
                                               const Trained& trained, std::int64_t window);

/// True if the spectra have the sign of over-fitting: `sign` gets a sentence with its numbers.
/// Never of adapters, whose rank grows in any case.
[[nodiscard]] bool looks_overfitted(std::span<const HistoryRow> rows, const Trained& trained,
                                    std::string& sign);

/// Weights that are not finite at the last checkpoint, which no loss outweighs: a sentence, or
/// nothing.
[[nodiscard]] std::string nonfinite_text(const HistoryRow& last);

}  // namespace wishart::analysis
