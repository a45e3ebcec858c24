/// @file
/// The verdict on a history, by the advice and by the verdict on its last checkpoint.

#include <algorithm>
#include <cmath>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/core/plural.hpp"

#include "words/layer_words.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kOfAdvice = "sec-is-it-still-learning";
constexpr const char* kOfCheckpoints = "sec-checkpoints";
constexpr const char* kOfDrifts = "sec-layers-that-drift";

/// What an advice rests on: the losses, or the spectra.
std::vector<std::string> figures_of(const Conclusion& conclusion) {
  const char* of_loss = "fig-history-loss";
  const char* of_alpha = "fig-history-alpha";
  if (conclusion.basis == Basis::losses) return {of_loss, of_alpha};
  return {of_alpha, of_loss};
}

/// Where a drift shows, layer by checkpoint. Traps and outliers have no map of their own.
std::vector<std::string> figures_of(const Drift& drift) {
  if (drift.why == "rank-falls") return {"fig-layers-stable-rank", "fig-layers-change"};
  return {"fig-layers-change", "fig-layers-alpha"};
}

Level level_of(const History& history) {
  switch (history.conclusion.advice) {
    case Advice::going_on:
    case Advice::settled:
      // Nor do spectra show whether it still learns.
      if (history.conclusion.basis == Basis::spectra) break;
      // The losses of training alone do not show over-fitting.
      return history.loss_is_eval ? Level::good : Level::attention;
    case Advice::overfitting:
    case Advice::diverging:
    case Advice::not_learning:
      return Level::bad;
    case Advice::suspect:
      return Level::attention;
    case Advice::unknown:
      // Old weights, unless they are the best and were loaded on purpose.
      if (!history.conclusion.same_as.empty() && !history.conclusion.is_best) {
        return Level::attention;
      }
      break;
  }
  return Level::unknown;
}

/// The graver of two; what is not known hides nothing.
Level graver(Level a, Level b) {
  const auto weight = [](Level level) {
    return level == Level::bad         ? 3
           : level == Level::attention ? 2
           : level == Level::unknown   ? 1
                                       : 0;
  };
  return weight(a) >= weight(b) ? a : b;
}

std::string blind_text(const History& history) {
  const bool none =
      std::none_of(history.rows.begin(), history.rows.end(),
                   [](const HistoryRow& row) { return std::isfinite(row.eval_loss); });
  return none ? " But the archive has no held-out loss, so over-fitting would go unseen."
              : " But the archive has too few held-out losses, so over-fitting would go unseen.";
}

}  // namespace

Verdict verdict_of(const History& history, const Verdict& last) {
  Verdict verdict;
  if (history.rows.empty()) {
    verdict.sentence = "Nothing can be said: there is no checkpoint.";
    return verdict;
  }
  const Conclusion& conclusion = history.conclusion;
  const Level run = level_of(history);
  verdict.level = last.level == Level::unknown ? run : graver(run, last.level);
  verdict.sentence = advice_text(conclusion);
  const bool blind = run == Level::attention && conclusion.advice != Advice::suspect &&
                     conclusion.advice != Advice::unknown;
  if (blind) verdict.sentence += blind_text(history);
  if (run == Level::good && last.level == Level::attention) {
    verdict.sentence += " But layers of its last checkpoint need attention.";
  } else if (run != Level::bad && last.level == Level::bad) {
    verdict.sentence += " But do not use its last checkpoint.";
  }
  const std::string incomplete = incomplete_text(history.rows.back());
  if (!incomplete.empty()) {
    // Half a model is no better than attention, whatever its losses.
    verdict.level = graver(verdict.level, Level::attention);
    verdict.sentence += " But its last checkpoint is incomplete.";
    add_reason(verdict, incomplete, kOfCheckpoints);
  }
  if (const std::string old = old_layers_text(history.rows.back()); !old.empty()) {
    verdict.level = graver(verdict.level, Level::attention);
    verdict.sentence += " But a part of its last checkpoint may be old.";
    add_reason(verdict, old, kOfCheckpoints);
  }
  constexpr std::size_t kMostOfAdvice = 2;
  for (std::size_t i = 0; i < conclusion.reasons.size() && i < kMostOfAdvice; ++i) {
    if (conclusion.reasons[i] == incomplete) continue;
    add_reason(verdict, conclusion.reasons[i], kOfAdvice, figures_of(conclusion));
  }
  if (last.level == Level::bad || last.level == Level::attention) {
    add_reason(
        verdict,
        "In the last checkpoint, " + named(history.rows.back().checkpoint) + ": " + last.sentence,
        kOfAttention, {kFigWarnings});
  } else if (last.left_out > 0) {
    add_reason(verdict, "Of the last checkpoint, " + left_out_text(last.left_out) + ".", "");
  }
  if (!history.drifts.empty()) {
    const Drift& first = history.drifts.front();
    add_reason(verdict,
               layers_text(std::ssize(history.drifts)) + " " +
                   verb(std::ssize(history.drifts), "drift") + ", such as " + named(first.key) +
                   ": " + first.why + ", from " + rounded(first.before, 4) + " to " +
                   rounded(first.now, 4) + ".",
               kOfDrifts, figures_of(first));
  }
  // The figures are those of runs with held-out losses.
  const std::string track = blind ? "" : track_text(conclusion, history.window);
  if (!track.empty()) add_reason(verdict, track, kOfAdvice, figures_of(conclusion));
  const std::string unplaced = unplaced_text(history.left_out);
  if (!unplaced.empty()) add_reason(verdict, unplaced, "");
  return verdict;
}

}  // namespace wishart::analysis
