#include "wishart/analysis/advice.hpp"

#include <array>
#include <utility>

#include "advice_record.hpp"
#include "loss_advice.hpp"
#include "spectra_advice.hpp"

namespace wishart::analysis {
namespace {

bool is_calm(Advice advice) { return advice == Advice::going_on || advice == Advice::settled; }

/// Where only training losses are known, they cannot show over-fitting, and the spectra are asked.
Conclusion without_held_out(Conclusion by_losses, std::span<const HistoryRow> rows,
                            const Trained& trained) {
  std::string sign;
  if (!is_calm(by_losses.advice) || !looks_overfitted(rows, trained, sign)) return by_losses;
  by_losses.advice = Advice::suspect;
  by_losses.basis = Basis::spectra;
  by_losses.reasons.insert(by_losses.reasons.begin(), std::move(sign));
  return by_losses;
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
  Conclusion result;
  if (all.empty()) return result;
  const std::span<const HistoryRow> rows = last_stage(all);
  const LossSeries losses = losses_of(rows, trained.by_tokens);
  const std::int64_t least = window;
  auto by_losses = conclude_from_losses(rows, trained, least);
  if (by_losses) result.best_checkpoint = by_losses->best_checkpoint;
  const std::string nonfinite = nonfinite_text(rows.back());
  if (!nonfinite.empty()) {
    result.advice = Advice::diverging;
    result.basis = Basis::spectra;
    result.reasons.push_back(nonfinite);
    return result;
  }
  if (by_losses) {
    return losses.is_eval ? std::move(*by_losses)
                          : without_held_out(std::move(*by_losses), rows, trained);
  }
  if (static_cast<std::int64_t>(rows.size()) < least) {
    result.reasons.push_back(
        "An advice needs " + std::to_string(least) + " checkpoints of one stage; there " +
        (rows.size() == 1 ? "is 1." : "are " + std::to_string(rows.size()) + "."));
    return result;
  }
  return conclude_from_spectra(rows, trained);
}

TrackRecord track_record(Advice advice, Basis basis) noexcept {
  for (const RecordedAdvice& one : kAdviceRecord) {
    if (one.advice == advice && one.basis == basis) return one.record;
  }
  return {};
}

}  // namespace wishart::analysis
