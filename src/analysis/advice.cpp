#include "wishart/analysis/advice.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "wishart/analysis/share.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "advice_record.hpp"
#include "loss_advice.hpp"
#include "loss_series.hpp"
#include "spectra_advice.hpp"

namespace wishart::analysis {
namespace {

/// A share as a whole number of percent.
std::string rounded_percent(double share) { return rounded(std::round(100 * share), 3); }

/// Weights and losses are finite.
bool is_finite(const HistoryRow& row) {
  return row.nonfinite == 0 && !is_recorded_nonfinite(row.loss) &&
         !is_recorded_nonfinite(row.eval_loss);
}

bool is_finite(std::span<const HistoryRow> rows, const std::string& checkpoint) {
  return std::none_of(rows.begin(), rows.end(), [&](const HistoryRow& row) {
    return row.checkpoint == checkpoint && !is_finite(row);
  });
}

/// The checkpoint with the lowest loss of those with finite weights and losses; empty: none.
std::string best_finite(std::span<const HistoryRow> rows, const LossSeries& losses) {
  std::string best;
  double lowest = kNan;
  for (std::size_t i = 0; i < losses.at.size(); ++i) {
    const HistoryRow& row = rows[losses.at[i]];
    if (!is_finite(row) || losses.leading[i] >= lowest) continue;
    lowest = losses.leading[i];
    best = row.checkpoint;
  }
  return best;
}

bool is_calm(Advice advice) { return advice == Advice::going_on || advice == Advice::settled; }

/// Where training losses lead, they cannot show over-fitting, and the spectra are asked; also where
/// they may be noise.
Conclusion without_held_out(Conclusion by_losses, std::span<const HistoryRow> rows,
                            const Trained& trained, std::int64_t window) {
  if (by_losses.advice == Advice::unknown) {
    Conclusion by_spectra = conclude_from_spectra(rows, trained, window);
    if (by_spectra.advice != Advice::diverging && by_spectra.advice != Advice::suspect) {
      return by_losses;
    }
    by_spectra.reasons.insert(by_spectra.reasons.end(), by_losses.reasons.begin(),
                              by_losses.reasons.end());
    by_spectra.best_checkpoint = std::move(by_losses.best_checkpoint);
    return by_spectra;
  }
  std::string sign;
  if (!is_calm(by_losses.advice) || !looks_overfitted(rows, trained, sign)) return by_losses;
  by_losses.advice = Advice::suspect;
  by_losses.basis = Basis::spectra;
  by_losses.reasons.insert(by_losses.reasons.begin(), std::move(sign));
  return by_losses;
}

/// The conclusion from one stage, whose losses are likelihoods.
Conclusion conclude_from_stage(std::span<const HistoryRow> rows, const Trained& trained,
                               std::int64_t window) {
  Conclusion result;
  const std::int64_t least = window;
  const LossSeries losses = losses_of(rows, trained.by_tokens, least);
  auto by_losses = conclude_from_losses(rows, trained, least);
  // Nobody should go back to NaN.
  if (by_losses && !is_finite(rows, by_losses->best_checkpoint)) {
    by_losses->best_checkpoint.clear();
  }
  const std::string nonfinite = nonfinite_text(rows.back());
  if (!nonfinite.empty()) {
    result.advice = Advice::diverging;
    result.basis = Basis::spectra;
    result.reasons.push_back(nonfinite);
    result.best_checkpoint = best_finite(rows, losses);
    return result;
  }
  if (std::string loss = nonfinite_loss_text(rows); !loss.empty()) {
    result.advice = Advice::diverging;
    result.basis = Basis::losses;
    result.reasons.push_back(std::move(loss));
    result.best_checkpoint = best_finite(rows, losses);
    return result;
  }
  if (by_losses) {
    // All runs that it was tried on have held-out losses.
    by_losses->tried = by_losses->tried && losses.is_eval;
    return losses.is_eval ? std::move(*by_losses)
                          : without_held_out(std::move(*by_losses), rows, trained, window);
  }
  if (static_cast<std::int64_t>(rows.size()) < least) {
    result.reasons.push_back(
        "An advice needs " + std::to_string(least) + " checkpoints of one stage; there " +
        (rows.size() == 1 ? "is 1." : "are " + std::to_string(rows.size()) + "."));
    return result;
  }
  return conclude_from_spectra(rows, trained, window);
}

}  // namespace

std::string_view advice_name(Advice advice) noexcept {
  switch (advice) {
    case Advice::going_on:
      return "going-on";
    case Advice::settled:
      return "settled";
    case Advice::overfitting:
      return "overfitting";
    case Advice::diverging:
      return "diverging";
    case Advice::not_learning:
      return "not-learning";
    case Advice::suspect:
      return "suspect";
    case Advice::unknown:
      break;
  }
  return "unknown";
}

std::string_view basis_name(Basis basis) noexcept {
  switch (basis) {
    case Basis::losses:
      return "losses";
    case Basis::spectra:
      return "spectra";
    case Basis::none:
      break;
  }
  return "none";
}

Conclusion conclude(std::span<const HistoryRow> all, const Trained& trained, std::int64_t window) {
  if (all.empty()) return {};
  const Likelihoods stage = likelihoods_of(last_stage(all));
  Conclusion result = conclude_from_stage(stage.rows, trained, window);
  const bool by_losses = result.basis == Basis::losses;
  result.tried = result.tried && stage.left_out.empty();
  result.reasons.insert(by_losses ? result.reasons.end() : result.reasons.begin(),
                        stage.left_out.begin(), stage.left_out.end());
  return result;
}

TrackRecord track_record(const Conclusion& conclusion, std::int64_t window) noexcept {
  if (window != kTriedWindow || !conclusion.tried) return {};
  for (const RecordedAdvice& one : kAdviceRecord) {
    if (one.advice == conclusion.advice && one.basis == conclusion.basis) return one.record;
  }
  return {};
}

std::string incomplete_text(const HistoryRow& row) {
  if (row.missing == 0) return {};
  return printable(row.checkpoint) + " is incomplete: it has " + std::to_string(row.layers) +
         " of the " + std::to_string(row.layers + row.missing) + " layers of its run.";
}

std::string advice_text(const Conclusion& conclusion) {
  const std::string best = printable(conclusion.best_checkpoint);
  const std::string back =
      best.empty()
          ? ""
          : " Go back to " + best + ", which has the lowest loss" +
                // by the spectra: of a run that has become NaN
                (conclusion.basis == Basis::spectra ? " of those with finite weights." : ".");
  switch (conclusion.advice) {
    case Advice::going_on:
      return "Keep training: it is still learning.";
    case Advice::settled:
      return conclusion.basis == Basis::spectra
                 ? "The spectra no longer change. Whether it still learns they do not show: look "
                   "at "
                   "a held-out loss before you stop it."
                 : "Training may be stopped: it learns next to nothing any more.";
    case Advice::overfitting:
      return "Stop: what it learns now no longer holds for held-out data." + back;
    case Advice::diverging:
      return "Stop: it loses what it had learnt. The learning rate is the first suspect." + back;
    case Advice::not_learning:
      return "Stop and look for the cause: it is not learning. Check the data, the labels and the "
             "learning rate.";
    case Advice::suspect:
      return "Evaluate it on held-out data before you go on: the spectra look over-fitted, and "
             "held-out losses are missing or too few.";
    case Advice::unknown:
      break;
  }
  return "No advice.";
}

std::string track_text(const Conclusion& conclusion, std::int64_t window) {
  const TrackRecord record = track_record(conclusion, window);
  if (record.given == 0) return "";
  const Share share = share_of(record.right, record.given);
  if (conclusion.advice == Advice::settled && conclusion.basis == Basis::spectra) {
    return "Of " + std::to_string(record.given) +
           " small models with such spectra whose fate is known, " + std::to_string(record.right) +
           " had a held-out loss that no longer fell (95 %: " + rounded_percent(share.low) +
           " to " + rounded_percent(share.high) + " %; docs/evidence.md).";
  }
  return "Such advice was right for " + std::to_string(record.right) + " of " +
         std::to_string(record.given) +
         " small models whose fate is known (95 %: " + rounded_percent(share.low) + " to " +
         rounded_percent(share.high) + " %; docs/evidence.md).";
}

}  // namespace wishart::analysis
