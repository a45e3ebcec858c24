#include "histories/spectra_advice.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/analysis/share.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "losses/loss_advice.hpp"

namespace wishart::analysis {
namespace {

// The bounds keep a distance from all healthy checkpoints of the learning half of the zoo, earlier
// ones of each run included (docs/evidence.md has the figures, decisions/030 how they were chosen).

/// The mean log_spectral_norm rises by more than this from one checkpoint to the next: the largest
/// eigenvalues are seven times as large. In healthy runs by 0.54 at most, in broken ones by 0.99 or
/// more.
constexpr double kJump = 0.85;
/// That is of checkpoints which are at most so many doublings of the steps apart. What is further
/// apart has had the time to grow.
constexpr double kUsualGap = 2;
/// A run has survived a jump if less than this share of it is left at the last checkpoint.
constexpr double kLeft = 0.5;
/// In a run from scratch the first rise is learning. It is over if it came to this.
constexpr double kFirstRise = 0.3;
/// Share of layers like noise in a model that is not trained.
constexpr double kFresh = 0.5;
/// Since then neither the norms nor the largest eigenvalues have moved further, in decades. What
/// learns anything at all moves the former by 0.15 or the latter by 0.6.
constexpr double kHardlyMoved = 0.06;
constexpr double kHardlyRisen = 0.2;
/// Mean entropy below which few directions hold nearly all of the weights although the norms grew.
/// Healthy runs of this kind stay above 0.58; one with twice the usual rate came to 0.55.
constexpr double kFewDirections = 0.5;
constexpr double kGrown = 0.3;
/// Mean entropy below which a few directions are all that is left, whatever the norms did. Weight
/// decay alone brings runs that still learn to 0.35.
constexpr double kNoDirections = 0.15;
/// Share of the trained layers that have lost all eigenvalues above noise.
constexpr double kDrowned = 0.25;
constexpr std::int64_t kFewestDrowned = 3;
/// Share of the trained layers that have settled.
constexpr double kSettledShare = 0.8;

constexpr const char* kCannotTell =
    "Spectra alone cannot tell whether that is for the better: record held-out losses.";

std::string figure(double value) { return rounded(value, 3); }

/// A change in decades as a percentage.
std::string percent(double decades) { return figure(100 * (std::pow(10, decades) - 1)); }

/// Doublings of the steps; 0 if they are not known.
double doublings_between(const HistoryRow& before, const HistoryRow& after) {
  if (before.step <= 0 || after.step <= before.step) return 0;
  return std::log2(static_cast<double>(after.step) / static_cast<double>(before.step));
}

/// The rise of log_spectral_norm between two checkpoints above which it is a jump.
/// @param start  the first checkpoint
double jump_limit(const HistoryRow& start, const HistoryRow& before, const HistoryRow& after,
                  bool of_changes) {
  const double usual = kJump * std::max(1.0, doublings_between(before, after) / kUsualGap);
  if (!of_changes) return usual;
  // It began at zero, where is not known: at the first checkpoint at the latest.
  const std::int64_t begin = std::max<std::int64_t>(start.step, 0);
  return std::max(usual, growth_from_zero(before.step - begin, after.step - begin));
}

/// True if the last `window` checkpoints are less than half a doubling of the steps apart.
bool is_short(std::span<const HistoryRow> rows, std::int64_t window) {
  const auto count = std::min(rows.size(), static_cast<std::size_t>(window));
  const HistoryRow& first = rows[rows.size() - count];
  return first.step != 0 && doublings_between(first, rows.back()) < kShortestTrend;
}

/// The share of settled layers among those that are trained at all: a layer with the same values
/// throughout the window has settled, but is not trained. NaN while the window is not full.
double settled_among_trained(const HistoryRow& row) {
  const std::int64_t layers = row.layers + row.missing;  // as of settled_share
  if (std::isnan(row.settled_share) || row.fixed == layers) return row.settled_share;
  const std::int64_t settled = std::llround(row.settled_share * static_cast<double>(layers));
  return share_of(settled - row.fixed, layers - row.fixed).value;
}

}  // namespace

std::string nonfinite_text(const HistoryRow& last) {
  if (last.nonfinite == 0) return {};
  return std::to_string(last.nonfinite) + " of " + plural(last.layers, "layer") + " " +
         has_have(last.nonfinite) + " weights that are NaN or infinite.";
}

bool looks_overfitted(std::span<const HistoryRow> rows, const Trained& trained, std::string& sign) {
  const HistoryRow& last = rows.back();
  if (trained.of_changes || last.trained == 0 || last.drowned < kFewestDrowned ||
      share_of(last.drowned, last.trained).value < kDrowned) {
    return false;
  }
  sign = std::to_string(last.drowned) + " of " + std::to_string(last.trained) +
         " trained layers have lost all eigenvalues above noise, which they had before: what is "
         "learnt now is spread like noise.";
  return true;
}

namespace {

std::string jump_text(const HistoryRow& before, const HistoryRow& row) {
  return "From " + printable(before.checkpoint) + " to " + printable(row.checkpoint) +
         " the largest eigenvalues of the layers grew by a factor of " +
         figure(std::pow(10, row.spectral_norm_step)) + " on average";
}

/// The conclusion if the last checkpoint has all layers.
Conclusion conclude_from_complete(std::span<const HistoryRow> rows, const Trained& trained,
                                  std::int64_t window) {
  Conclusion result;
  result.basis = Basis::spectra;
  const HistoryRow& first = rows.front();
  const HistoryRow& last = rows.back();
  std::string recovered;  // a jump that the run survived
  const auto give = [&](Advice advice, std::string reason) {
    result.advice = advice;
    result.reasons.push_back(std::move(reason));
    if (!recovered.empty()) result.reasons.push_back(recovered);
    return result;
  };
  const bool fresh = share_of(first.like_noise, first.layers).value > kFresh;
  for (std::size_t i = 2; i < rows.size(); ++i) {
    const HistoryRow& before = rows[i - 1];
    if (fresh && !(before.spectral_norm_risen > kFirstRise)) continue;
    const double jump = rows[i].spectral_norm_step;
    if (!(jump > jump_limit(first, before, rows[i], trained.of_changes))) continue;
    const std::string reason = jump_text(before, rows[i]);
    const bool recent = i + static_cast<std::size_t>(window) > rows.size();
    const double left = last.spectral_norm_risen - before.spectral_norm_risen;
    if (recent || !(left < kLeft * jump)) return give(Advice::diverging, reason + ".");
    recovered = reason + ", and have since recovered.";
  }
  if (fresh && last.norm_moved < kHardlyMoved && last.spectral_norm_moved < kHardlyRisen) {
    return give(Advice::not_learning,
                "Since " + printable(first.checkpoint) +
                    ", where the weights were like noise, the squared norms of the layers have "
                    "changed by " +
                    percent(last.norm_moved) + " % on average, the largest eigenvalues by " +
                    percent(last.spectral_norm_moved) + " %.");
  }
  const bool grown = last.norm_risen > kGrown;
  if (last.entropy < (grown ? kFewDirections : kNoDirections)) {
    return give(Advice::not_learning, "The mean entropy of the spectra is " + figure(last.entropy) +
                                          ": a few directions hold nearly all of the weights.");
  }
  std::string sign;
  if (looks_overfitted(rows, trained, sign)) return give(Advice::suspect, std::move(sign));
  const double settled = settled_among_trained(last);
  const std::string share = rounded(100 * settled, 2);
  if (settled >= kSettledShare && !is_short(rows, window)) {
    return give(Advice::settled, share + " % of the layers that are trained have settled.");
  }
  result.basis = Basis::none;
  if (settled >= kSettledShare) {
    return give(Advice::unknown,
                share + " % of the layers that are trained have not changed over the last " +
                    std::to_string(window) +
                    " checkpoints, which are less than half a doubling of the steps apart: too "
                    "close together to tell (--window).");
  }
  give(Advice::unknown,
       std::isnan(settled)
           ? "Too few checkpoints to see whether layers have settled."
           : "The layers still change: " + share + " % of those that are trained have settled.");
  result.reasons.emplace_back(kCannotTell);
  return result;
}

}  // namespace

Conclusion conclude_from_spectra(std::span<const HistoryRow> rows, const Trained& trained,
                                 std::int64_t window) {
  Conclusion result = conclude_from_complete(rows, trained, window);
  const std::string incomplete = incomplete_text(rows.back());
  if (incomplete.empty()) return result;
  // A jump, or directions that drowned, show in the layers that are there. That layers have settled
  // or learn nothing is said of all of them.
  if (result.advice != Advice::diverging && result.advice != Advice::suspect) {
    result = {Advice::unknown, Basis::none, {}, {}};
    result.reasons.push_back(incomplete);
    result.reasons.emplace_back(kCannotTell);
  } else {
    result.reasons.push_back(incomplete);
  }
  return result;
}

}  // namespace wishart::analysis
