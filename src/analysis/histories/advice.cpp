#include "wishart/analysis/advice.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "wishart/analysis/share.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "comparisons/same_weights.hpp"
#include "histories/advice_record.hpp"
#include "histories/spectra_advice.hpp"
#include "losses/loss_advice.hpp"
#include "losses/loss_series.hpp"

namespace wishart::analysis {
namespace {

/// A share as a whole number of percent.
std::string rounded_percent(double share) { return rounded(std::round(100 * share), 3); }

/// Weights and losses are finite.
bool is_finite(const HistoryRow& row) {
  return row.nonfinite == 0 && !is_recorded_nonfinite(row.loss) &&
         !is_recorded_nonfinite(row.eval_loss);
}

/// Nobody should go back to a checkpoint of which this does not hold.
bool is_usable(const HistoryRow& row) {
  return is_finite(row) && row.zero == 0 && row.missing == 0;
}

/// Why a checkpoint is not to be gone back to, after its name.
std::string damage_text(const HistoryRow& row) {
  const auto of_layers = [&](std::int64_t count, const char* one, const char* many) {
    return std::to_string(count) + " of its " + std::to_string(row.layers) + " layers " +
           (count == 1 ? one : many);
  };
  if (row.nonfinite > 0) return of_layers(row.nonfinite, "is", "are") + " not finite";
  if (row.zero > 0) return of_layers(row.zero, "is", "are") + " zero";
  return std::to_string(row.missing) + " of its layers " + is_are(row.missing) + " missing";
}

/// Sets the checkpoint with the lowest loss of those that are whole; empty: none. Says why one with
/// a lower loss is none of them.
void find_best(Conclusion& conclusion, std::span<const HistoryRow> rows, const LossSeries& losses) {
  const HistoryRow* best = nullptr;
  const HistoryRow* lower = nullptr;
  double lowest = kNan;
  double lowest_of_all = kNan;
  for (std::size_t i = 0; i < losses.at.size(); ++i) {
    const HistoryRow& row = rows[losses.at[i]];
    const double loss = losses.leading[i];
    if (is_recorded_nonfinite(row.loss) || is_recorded_nonfinite(row.eval_loss)) continue;
    if (!(loss >= lowest_of_all)) lowest_of_all = loss, lower = &row;
    if (is_usable(row) && !(loss >= lowest)) lowest = loss, best = &row;
  }
  conclusion.best_checkpoint = best == nullptr ? "" : best->checkpoint;
  conclusion.passed_over = lower != best && lower != &rows.back();
  if (!conclusion.passed_over) return;
  const bool goes_back =
      conclusion.advice == Advice::overfitting || conclusion.advice == Advice::diverging;
  if (!goes_back) return;
  conclusion.reasons.push_back(printable(lower->checkpoint) + " has a lower loss, but " +
                               damage_text(*lower) + ".");
}

/// A sentence on earlier checkpoints that hold NaN or infinite weights, of a run whose last one
/// does not; empty if there are none.
std::string nonfinite_before_text(std::span<const HistoryRow> rows) {
  if (rows.back().nonfinite > 0) return {};
  const HistoryRow* first = nullptr;
  std::int64_t more = -1;
  for (const HistoryRow& row : rows) {
    if (row.nonfinite == 0) continue;
    if (first == nullptr) first = &row;
    ++more;
  }
  if (first == nullptr) return {};
  return printable(first->checkpoint) + " holds NaN or infinite weights in " +
         std::to_string(first->nonfinite) + " of its " + std::to_string(first->layers) + " layers" +
         (more > 0 ? std::string(", and so ") + (more == 1 ? "does " : "do ") +
                         std::to_string(more) + " more"
                   : std::string()) +
         ": do not resume from " + (more > 0 ? "them." : "it.");
}

bool is_calm(Advice advice) { return advice == Advice::going_on || advice == Advice::settled; }

/// True if the last checkpoint has a held-out loss of its own.
bool is_measured_held_out(std::span<const HistoryRow> rows) {
  return std::isfinite(measured_loss(rows, rows.size() - 1, &HistoryRow::eval_loss));
}

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
  if (by_losses) find_best(*by_losses, rows, losses);
  const std::string nonfinite = nonfinite_text(rows.back());
  if (!nonfinite.empty()) {
    result.advice = Advice::diverging;
    result.basis = Basis::spectra;
    result.reasons.push_back(nonfinite);
    find_best(result, rows, losses);
    return result;
  }
  if (std::string loss = nonfinite_loss_text(rows); !loss.empty()) {
    result.advice = Advice::diverging;
    result.basis = Basis::losses;
    result.reasons.push_back(std::move(loss));
    find_best(result, rows, losses);
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
  const Likelihoods stage = likelihoods_of(last_stage(all), trained.language);
  Conclusion result = conclude_from_stage(stage.rows, trained, window);
  const bool blind =
      is_calm(result.advice) && stage.ends_in_zero && !is_measured_held_out(stage.rows);
  if (blind) {
    result.advice = Advice::unknown;
    result.basis = Basis::none;
  }
  const bool by_losses = result.basis == Basis::losses;
  result.tried = result.tried && stage.left_out.empty();
  result.reasons.insert(by_losses ? result.reasons.end() : result.reasons.begin(),
                        stage.left_out.begin(), stage.left_out.end());
  if (std::string damaged = nonfinite_before_text(all); !damaged.empty()) {
    // Behind the one that says what to go back to, which may name it.
    const bool goes_back = result.passed_over && result.advice != Advice::going_on;
    const std::size_t at =
        goes_back ? result.reasons.size() : std::min<std::size_t>(result.reasons.size(), 1);
    result.reasons.insert(result.reasons.begin() + static_cast<std::ptrdiff_t>(at),
                          std::move(damaged));
  }
  heed_same_weights(result, stage.rows);
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
      best.empty() ? ""
                   : " Go back to " + best + ", which has the lowest loss" +
                         // by the spectra: of a run that has become NaN
                         (conclusion.basis == Basis::spectra ? " of those with finite weights."
                          : conclusion.passed_over           ? " of those that are whole."
                                                             : ".");
  switch (conclusion.advice) {
    case Advice::going_on:
      return "Keep training: it is still learning.";
    case Advice::settled:
      if (conclusion.is_spent)
        return "Training may be stopped: its learning rate has come to its end.";
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
  if (conclusion.same_as.empty()) return "No advice.";
  return "No advice: the last checkpoint has the weights of " + printable(conclusion.same_as) +
         (conclusion.is_best ? ", which has the lowest loss." : ".");
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
